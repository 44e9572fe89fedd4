"""`metric`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, print_json
from bwp_client.cli.options import (
    BusinessProductOption,
    CodeOption,
    FromOption,
    JsonOption,
    RegionOption,
    TaskKindOption,
    ToOption,
    WarehouseOption,
    choice,
    warehouse_uri,
)
from bwp_client.errors import UsageError


def metric_command(
    name: Annotated[str, typer.Argument(help="failure_rate, error_codes, …")],
    from_: FromOption = None,
    to: ToOption = None,
    task_kind: TaskKindOption = "DELETION",
    business_product: BusinessProductOption = None,
    code: CodeOption = None,
    region: RegionOption = None,
    by: Annotated[str, typer.Option(help="hour, day, week or month.")] = "day",
    format_: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a metric over the given period; the last 28 days of data when none is given."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.events import TaskKind
        from bwp_client.metrics import Bucket, run_metric
        from bwp_client.metrics.export import to_csv, to_rows
        from bwp_client.metrics.filters import filters_between
        from bwp_client.metrics.guidance import read_guidance
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.snapshot import Snapshot

        settings = Settings.load()
        shape = "json" if as_json else format_
        if shape not in {"table", "csv", "json"}:
            raise UsageError(f"--format {shape!r} is none of table, csv, json. Nothing was computed.")
        snapshot = Snapshot.newest(Warehouse(warehouse_uri(warehouse, settings)))
        filters = filters_between(
            from_,
            to,
            data_end=(snapshot.span() or (None, datetime.now(UTC)))[1],
            task_kind=choice(TaskKind, "--task-kind", task_kind.upper()),
            business_products=tuple(business_product) if business_product else None,
            codes=tuple(code) if code else None,
            regions=tuple(region) if region else None,
        )
        frame = run_metric(
            snapshot,
            name,
            filters,
            bucket=choice(Bucket, "--by", by.lower()),
            min_n=settings.min_n,
            calendar=settings.deadlines,
            guidance=read_guidance(settings.error_codes_file),
        )
        if shape == "json":
            print_json(to_rows(frame))
        elif shape == "csv":
            typer.echo(to_csv(frame), nl=False)
        else:
            typer.echo(frame.to_string(index=False) if len(frame) else "No tasks in this period.")
