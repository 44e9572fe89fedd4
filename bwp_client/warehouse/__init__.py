"""Delta Lake tables on the local disk or on S3: their schema, the writers of each table, and snapshots for readers."""

from bwp_client.warehouse.runs import Run, VersionMap, list_runs, newest_run, record_run, settled_log, unpublished
from bwp_client.warehouse.schema import TABLES, TableName
from bwp_client.warehouse.store import Warehouse

__all__ = [
    "TABLES",
    "Run",
    "TableName",
    "VersionMap",
    "Warehouse",
    "list_runs",
    "newest_run",
    "record_run",
    "settled_log",
    "unpublished",
]
