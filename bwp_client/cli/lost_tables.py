"""Tables that lost rows: a command publishes what is left, names the way out, and ends with exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from bwp_client.cli.console import note
from bwp_client.errors import ExitCode

if TYPE_CHECKING:
    from bwp_client.warehouse import Warehouse


@contextmanager
def lost_tables_reported(warehouse: Warehouse, *, as_json: bool) -> Iterator[None]:
    """Before the block runs, name the tables that lost rows; after it, end the command with exit code 1 if there were any."""
    from bwp_client.warehouse.maintenance import publish_what_is_left

    lost = publish_what_is_left(warehouse)
    for item in lost:
        note(f"Needs attention: {item.as_text(warehouse)}", as_json=as_json)
    yield
    if lost:
        raise typer.Exit(int(ExitCode.NEEDS_ATTENTION))
