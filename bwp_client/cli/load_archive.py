"""`load archive://NAME`: loads a window of an EventBridge archive by a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bwp_client.cli.console import Progress, note, print_json
from bwp_client.cli.lost_tables import lost_tables_reported
from bwp_client.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from bwp_client.load.results import ArchiveProgress, ArchiveResult
    from bwp_client.settings import Settings


def load_from_archive(
    url: str,
    settings: Settings,
    warehouse_uri: str,
    window_from: datetime | None,
    window_to: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Run the load, with its progress and its result on the console."""
    from bwp_client.load.archive import load_archive
    from bwp_client.warehouse import Warehouse

    stored_in = Warehouse(warehouse_uri)
    with lost_tables_reported(stored_in, as_json=as_json):
        with Progress(as_json=as_json) as progress:
            result = load_archive(
                stored_in,
                url,
                settings.archive,
                window_from=window_from,
                window_to=window_to,
                on_progress=lambda state: progress(state.minutes_done, state.minutes_total, _text(state)),
            )
        _print_result(result, as_json=as_json)


def _text(state: ArchiveProgress) -> str:
    return (
        f"replay {state.state}, {state.minutes_done:,} of {state.minutes_total:,} minutes; "
        f"{state.received:,} messages, {state.stored:,} events stored"
    )


def _print_result(result: ArchiveResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        note(
            f"Replayed {', '.join(result.windows)}{' (begun by an earlier run)' if result.resumed else ''}: "
            f"{result.received:,} messages received; {result.stored:,} events stored, {result.duplicate:,} duplicate, "
            f"{result.ignored:,} ignored, {result.quarantined:,} quarantined, {result.outside_window:,} outside the window, "
            f"{result.foreign:,} foreign."
        )
    if result.received == result.foreign and not result.attention and not result.resumed:
        note("In this window, the archive has no event that matches the rule.", as_json=as_json)
    if result.resumed:
        note(
            "An earlier run's window was read to its end. Load again to read the events that have come since.",
            as_json=as_json,
        )
    if result.foreign:
        note(
            f"Needs attention: {result.foreign:,} messages in the queue belong to no replay of this warehouse, and were left "
            "there for their owner. Give each warehouse a rule and a queue of its own.",
            as_json=as_json,
        )
    for line in result.attention:
        note(f"Needs attention: {line}", as_json=as_json)
    if result.quarantined:
        note(
            f"Needs attention: {result.quarantined:,} records could not be read and are in quarantine with their "
            "reasons; the data health page lists them.",
            as_json=as_json,
        )
    if result.foreign or result.quarantined or result.attention:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))
