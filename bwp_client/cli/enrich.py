"""The command `enrich`: its options, its progress, and the sentence that it prints."""

from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.cli.lost_tables import lost_tables_reported
from bwp_client.cli.options import JsonOption, WarehouseOption, no_nan, warehouse_uri
from bwp_client.errors import ExitCode

if TYPE_CHECKING:
    from bwp_client.enrich import EnrichProgress


def enrich_command(
    limit: Annotated[int | None, typer.Option(min=1, help="Ask about at most this many tasks.")] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.0, callback=no_nan, help="Stop after this many minutes.")
    ] = None,
    completed: Annotated[
        bool, typer.Option(help="Ask about completed tasks too, to learn their submission dates.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option(help="Ask again about tasks whose lookup was denied or failed for good.")
    ] = False,
    task: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Ask about this task only, and at once. May be repeated.")
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the Buy with Prime API why tasks failed, the nearest deadline first."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.api.classify import PERMISSION
        from bwp_client.api.denials import DENIALS_UNTIL_SILENT
        from bwp_client.enrich import EnrichOptions, enrich
        from bwp_client.enrich.named_tasks import unknown_text
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        settings = Settings.load()
        target = Warehouse(warehouse_uri(warehouse, settings))
        with lost_tables_reported(target, as_json=as_json):
            with Progress(as_json=as_json) as progress:
                result = enrich(
                    target,
                    settings,
                    EnrichOptions(
                        limit=limit,
                        max_minutes=max_minutes,
                        completed=completed,
                        retry_failed=retry_failed,
                        tasks=tuple(task or ()),
                    ),
                    on_progress=lambda state: progress(state.done, state.total, progress_text(state)),
                )
            if as_json:
                print_json(result.as_json())
            else:
                note(
                    f"Asked about {result.asked:,} tasks: {result.found:,} found, {result.pending:,} pending, "
                    f"{result.not_found:,} not found, {result.denied:,} denied, {result.failed:,} failed; "
                    f"{result.not_asked:,} not asked."
                )
            if result.denied or result.failed:
                note(
                    f"Needs attention: {result.denied:,} lookups were denied and {result.failed:,} failed; status says why.",
                    as_json=as_json,
                )
            for product, tasks in result.skipped.items():
                note(
                    f"Needs attention: business product {product} denied {DENIALS_UNTIL_SILENT} of its tasks in a row, so "
                    f"{tasks:,} calls about further tasks were left out, which end as denied too. "
                    f'Give its credential the permission "{PERMISSION}", check that it belongs to this business product '
                    "with doctor api, and run enrich --retry-failed.",
                    as_json=as_json,
                )
            if result.unknown:
                note(f"Needs attention: {unknown_text(result.unknown)}", as_json=as_json)
            if result.denied or result.failed or result.unknown:
                raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def progress_text(state: "EnrichProgress") -> str:
    """Return the progress of a run as a sentence."""
    if state.is_unreachable:
        return f"Buy with Prime can't be reached, trying again; 0 of {state.total:,} tasks looked up"
    text = f"{state.done:,} of {state.total:,} tasks looked up, {state.calls_per_second:,.1f} requests a second"
    return text + (f", asked to slow down {state.throttled:,} times" if state.throttled else "")
