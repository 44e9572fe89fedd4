"""The command `import`: its options, and the sentence that it prints."""

from pathlib import Path
from typing import Annotated

import typer

from bwp_client.cli.console import errors_as_exit_codes, note, print_json
from bwp_client.cli.lost_tables import lost_tables_reported
from bwp_client.cli.options import JsonOption, WarehouseOption, warehouse_uri


def import_command(
    file: Annotated[Path, typer.Argument(help="The CSV file, with a header; the column task_id is required.")],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import the shop's own requests: when each was received or closed, its new task, a note.

    Either the whole file is imported, or nothing.
    """
    with errors_as_exit_codes(as_json=as_json):
        from datetime import UTC, datetime

        from bwp_client.settings import Settings
        from bwp_client.tasks.request_file import read_requests
        from bwp_client.warehouse import Warehouse
        from bwp_client.warehouse.requests import import_requests

        settings = Settings.load()
        found = read_requests(file, zone=settings.deadlines.zone, now=datetime.now(UTC))
        target = Warehouse(warehouse_uri(warehouse, settings))
        with lost_tables_reported(target, as_json=as_json):
            counts = import_requests(
                target, found.rows, found.columns, source=file.name, lines=found.lines, is_worklist=found.is_worklist
            )
            if as_json:
                print_json(counts.as_json())
            else:
                note(
                    f"Read {counts.read:,} requests into {target.uri}: {counts.stored:,} stored, "
                    f"{counts.unchanged:,} known already."
                )
            if found.skipped:
                note(f"These columns of the worklist were skipped: {', '.join(found.skipped)}.", as_json=as_json)
            if counts.contradicting:
                note(
                    f"{counts.contradicting:,} of them name another task_kind or business product than the events of their "
                    f"task: {counts.contradiction}. They are stored as the file says, and figures take both from the events. "
                    "If the file is wrong, correct it and import it again.",
                    as_json=as_json,
                )
            if counts.without_event:
                note(
                    f"{counts.without_event:,} of them name a task without any event so far. They wait for one, and enrich "
                    "asks about them; if that is unexpected, check their task IDs.",
                    as_json=as_json,
                )
