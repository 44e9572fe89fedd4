"""Programs to compare `load` with, each in its own process: `python -m benchmarks.contestants NAME FOLDER [OUT]`."""

from __future__ import annotations

import sys
from pathlib import Path


def duckdb_copy(folder: str, out: str) -> None:
    """Read the envelopes with explicit columns and write them as Parquet, without checks and deduplication."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        f"""
        copy (select * from read_json('{folder}/*.json.gz', format = 'newline_delimited', columns = {{
            id: 'varchar', "detail-type": 'varchar', source: 'varchar', account: 'varchar', time: 'varchar',
            region: 'varchar', resources: 'varchar[]', detail: 'json', "replay-name": 'varchar'}}))
        to '{out}' (format parquet)
        """
    )


def pandas_read(folder: str, _out: str) -> None:
    """Read the files and do nothing else."""
    import pandas as pd

    pd.concat([pd.read_json(path, lines=True, convert_dates=False) for path in sorted(Path(folder).glob("*.json.gz"))])


if __name__ == "__main__":
    {"duckdb": duckdb_copy, "pandas": pandas_read}[sys.argv[1]](sys.argv[2], sys.argv[3])
