"""The command `metric`: its options, and the formats in which a metric is printed."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bwp_client.cli.console import errors_as_exit_codes, note, print_json
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
    selection,
    warehouse_uri,
)
from bwp_client.errors import UsageError


def metric_command(
    name: Annotated[str, typer.Argument(help="The name of the metric, such as failure_rate or error_codes.")],
    from_: FromOption = None,
    to: ToOption = None,
    task_kind: TaskKindOption = "DELETION",
    business_product: BusinessProductOption = None,
    code: CodeOption = None,
    region: RegionOption = None,
    by: Annotated[
        str, typer.Option(metavar="BUCKET", help="Length of the periods of a time series: hour, day, week or month.")
    ] = "day",
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Format of the output: table, csv or json.")
    ] = "table",
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a metric over a period, by default over the last 28 days of the data."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.metrics import Bucket, MetricName, run_metric
        from bwp_client.metrics.extent_wording import notes_on
        from bwp_client.metrics.filter_values import require_known_values
        from bwp_client.metrics.filters import filters_between
        from bwp_client.metrics.guidance import read_guidance
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.product_names import name_of, product_names
        from bwp_client.warehouse.snapshot import Snapshot, compute_from_newest

        settings = Settings.load()
        output = "json" if as_json else format_
        if output not in {"table", "csv", "json"}:
            raise UsageError(f"--format {output!r} is none of table, csv, json. Nothing was computed.")

        def compute(snapshot: Snapshot) -> tuple[Any, list[str]]:
            filters = filters_between(
                from_,
                to,
                data_end=snapshot.limits.newest_event_at or datetime.now(UTC),
                **selection(task_kind, business_product, region, code),
            )
            names = product_names(snapshot.warehouse.uri, settings.product_names)
            require_known_values(snapshot, filters, names)
            frame = run_metric(
                snapshot,
                name,
                filters,
                bucket=choice(Bucket, "--by", by.lower()),
                min_n=settings.min_n,
                calendar=settings.deadlines,
                guidance=read_guidance(settings.error_codes_file),
            )
            return frame, notes_on(snapshot, MetricName(name), filters, lambda product: name_of(product, names))

        frame, notes = compute_from_newest(Warehouse(warehouse_uri(warehouse, settings)), compute)
        _print_frame(frame, output)
        for text in notes:
            note(text, as_json=output == "json")


def _print_frame(frame: Any, output: str) -> None:
    from bwp_client.metrics.export import to_csv, to_rows

    if output == "json":
        print_json(to_rows(frame))
    elif output == "csv":
        typer.echo(to_csv(frame), nl=False)
    else:
        typer.echo(frame.to_string(index=False) if len(frame) else "No tasks in this period.")
