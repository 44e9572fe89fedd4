"""Commands on a whole warehouse: `status`, `quarantine`, `maintain`, `purge`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bwp_client.cli.console import Progress, errors_as_exit_codes, note, print_json
from bwp_client.cli.load import load_text
from bwp_client.cli.lost_tables import lost_tables_reported
from bwp_client.cli.options import JsonOption, WarehouseOption, warehouse_uri
from bwp_client.errors import ExitCode, SourceNotFoundError

if TYPE_CHECKING:
    from bwp_client.reports.purged_rows import ReportsWithOlderRows

RETAIN_HOURS = 7 * 24


def status_command(warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
    """Print the contents of the warehouse, and what needs attention."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.monitoring.status import status_of
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse

        state = status_of(Warehouse(warehouse_uri(warehouse, Settings.load())))
        if as_json:
            print_json(state.as_json())
        else:
            typer.echo(state.as_text())


class QuarantineAction(StrEnum):
    """What to do with the quarantined records."""

    LIST = "list"
    RETRY = "retry"


def quarantine_command(
    action: Annotated[
        QuarantineAction, typer.Argument(help="list shows the quarantined records, retry reads them again.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many records, the newest first.")] = 200,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show quarantined records, or read them again and store those that can be read now."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.load.quarantine_retry import retry
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.quarantine import list_quarantined

        target = Warehouse(warehouse_uri(warehouse, Settings.load()))
        if action is QuarantineAction.LIST:
            rows = list_quarantined(target, limit=limit)
            if as_json:
                print_json([row | {"seen_at": row["seen_at"].isoformat()} for row in rows])
            else:
                for row in rows:
                    typer.echo(
                        f"{row['seen_at']:%Y-%m-%d %H:%M}  {row['reason']}  {row['source_uri']} at {row['offset']}"
                    )
                    typer.echo(f"    {row['excerpt']}")
            return
        with lost_tables_reported(target, as_json=as_json):
            with Progress(as_json=as_json) as progress:
                done = retry(
                    target, on_progress=lambda state: progress(state.bytes_done, state.bytes_total, load_text(state))
                )
            if as_json:
                print_json(done.as_json())
            else:
                note(
                    f"Of {done.records:,} records in quarantine, {done.resolved:,} were taken out "
                    f"({done.stored:,} events stored), {done.still_refused:,} were refused again, "
                    f"{done.out_of_reach:,} can't be read any more."
                )
            if done.still_refused or done.out_of_reach:
                raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def maintain_command(
    rebuild: Annotated[bool, typer.Option(help="Compute all outcomes anew from the events.")] = False,
    retain_hours: Annotated[
        int,
        typer.Option(
            min=1, max=876_000, help="Keep replaced files for this many hours, for readers of older versions."
        ),
    ] = RETAIN_HOURS,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the outcomes up to date, compact small files, and delete files that no reader needs."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.settings import Settings
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.maintenance import maintain

        target = Warehouse(warehouse_uri(warehouse, Settings.load()))
        with lost_tables_reported(target, as_json=as_json):
            if not target.exists():
                raise SourceNotFoundError(f"{target.uri} holds nothing yet. Load events first.")
            result = maintain(target, rebuild=rebuild, retain_hours=retain_hours)
            if as_json:
                print_json(result.as_json())
                return
            note("The outcomes are up to date.")
            for table, rows in result.removed_doubles.items():
                note(f"Removed {rows:,} rows of {table} that were stored twice.")
            for table, files in result.compacted.items():
                note(f"Compacted {table}: {files['files_before']:,} files are {files['files_after']:,} now.")
            note(f"Deleted {result.deleted_files:,} files that no reader needs any more.")


def purge_command(
    before: Annotated[str, typer.Option(metavar="DATE", help="The first UTC day to keep; older data are removed.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove data older than a day physically and for good: no later load brings them back."""
    with errors_as_exit_codes(as_json=as_json):
        from bwp_client.reports.purged_rows import reports_with_rows_before
        from bwp_client.reports.store import open_store
        from bwp_client.settings import Settings
        from bwp_client.time_ranges import day_start
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.purge import purge

        settings = Settings.load()
        target = Warehouse(warehouse_uri(warehouse, settings))
        store = open_store(settings.reports_uri)  # a wrong address ends the command before anything is removed
        with lost_tables_reported(target, as_json=as_json):
            result = purge(
                target,
                day_start(before),
                dry_run=dry_run,
                on_plan=lambda plan: note(f"To remove: {plan.as_text()}.") if not as_json else None,
            )
            if not as_json and not dry_run:
                note(f"Removed: {result.as_text()}. {result.deleted_files:,} files were deleted.")
            reports = reports_with_rows_before(store, day_start(result.before))
            if as_json:
                print_json(result.as_json() | {"reports": reports.keys, "unreadable_reports": reports.unreadable})
            else:
                _note_reports(reports, store.uri, result.before)
            if result.unfinished_files:
                note(
                    f"Needs attention: {result.unfinished_files:,} young files of {target.uri} belong to no commit; a load "
                    "is writing them, or was killed, and they may hold older data. Run purge again in an hour: it deletes "
                    "them.",
                    as_json=as_json,
                )
            if result.unfinished_files or reports.unreadable:
                raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))


def _note_reports(reports: "ReportsWithOlderRows", uri: str, before: str) -> None:
    """Name the published reports that carry older rows, and those that can't be read."""
    if reports.keys:
        note(
            f"Published reports in {uri} that carry rows older than {before}: {', '.join(reports.keys)}. They are evidence, "
            "so they were not deleted; delete their folders if these rows must go there too."
        )
    elif not reports.unreadable:
        note(f"No published report in {uri} carries rows older than {before}.")
    for name, reason in reports.unreadable.items():
        note(f"Needs attention: {name} can't be read. Look yourself whether it carries older rows. ({reason})")
