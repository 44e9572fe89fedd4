"""Tasks that the user named: the IDs among them that are not known, and the message about these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bwp_client.ids import normal_id
from bwp_client.redaction import names_a_person

if TYPE_CHECKING:
    import duckdb

MAX_NAMES: Final = 5
MAX_NAME_LENGTH: Final = 60
_PERSONAL: Final = "(not shown, because it names a person)"


def unknown_tasks(
    connection: duckdb.DuckDBPyConnection, named: Sequence[str], *, outcomes: str, requests: str
) -> tuple[str, ...]:
    """Return the named tasks that have neither an event nor a request, once each.

    Args:
        connection: Runs the query.
        named: Task IDs, in capitals or not.
        outcomes: SQL that reads the outcomes table.
        requests: SQL that reads the requests table.
    """
    if not named:
        return ()
    known = connection.execute(
        f"""
        select task_id from (select task_id from {outcomes} union all select task_id from {requests})
        where list_contains($named::varchar[], task_id)
        """,
        {"named": list(map(normal_id, named))},
    ).fetchall()
    known_ids = {task_id for (task_id,) in known}
    return tuple(task_id for task_id in dict.fromkeys(named) if normal_id(task_id) not in known_ids)


def unknown_text(task_ids: Sequence[str]) -> str:
    """Return a sentence about named tasks that are not known, with the next step."""
    names = ", ".join(
        _PERSONAL if names_a_person(task_id) else repr(task_id[:MAX_NAME_LENGTH]) for task_id in task_ids[:MAX_NAMES]
    )
    more = f" and {len(task_ids) - MAX_NAMES:,} more" if len(task_ids) > MAX_NAMES else ""
    return (
        f"No task with the ID {names}{more} is known: neither an event nor the shop's list names it. Check the ID, or load "
        "the events or import the request first."
    )
