"""The limits of a warehouse's data: the first and the newest event, the purge floor, and how long silence is usual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from bwp_client.warehouse.engine import single_row

USUAL_EVENTS = 5
"""Silence in which this many events usually come is a lack of data; `gaps` uses the same number."""
LONGEST_USUAL_SILENCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DataLimits:
    """The limits of the data of a warehouse, over all business products and task kinds.

    Attributes:
        first_event_at: The time of the first counted event; None without an event.
        newest_event_at: The time of the newest counted event that is not later than the run; None without an event.
        reaches_to: The time up to which the silence after the newest event is usual; None without an event.
        purged_before: Older data were purged; None before the first purge.
        future_tasks: The number of tasks whose event is dated later than the run.
    """

    first_event_at: datetime | None
    newest_event_at: datetime | None
    reaches_to: datetime | None
    purged_before: datetime | None
    future_tasks: int = 0

    @property
    def in_the_future(self) -> str | None:
        """A sentence on the events that are dated later than the run; None without any."""
        if not self.future_tasks:
            return None
        events = "1 event is" if self.future_tasks == 1 else f"{self.future_tasks:,} events are"
        return f"{events} dated later than the newest run: look at the clock of the sender."


def find_limits(
    connection: duckdb.DuckDBPyConnection, run_finished_at: datetime, purged_before: datetime | None
) -> DataLimits:
    """Return the limits of the data that the summaries of a snapshot hold.

    Args:
        connection: A cursor on the database with the view `outcomes` and the table `product_kinds`.
        run_finished_at: Events later than this lie in the future, so they don't show how far the data reach.
        purged_before: The purge floor.
    """
    first, newest, tasks = single_row(connection, "select min(first_at), max(last_at), sum(tasks) from product_kinds")
    future_tasks = 0
    if newest is not None and newest > run_finished_at:
        newest, future_tasks = single_row(
            connection,
            """
            select max(occurred_at) filter (occurred_at <= $time), count(*) filter (occurred_at > $time) from outcomes
            """,
            {"time": run_finished_at},
        )
    if newest is None:
        return DataLimits(None, None, None, purged_before, future_tasks)
    silence = min(LONGEST_USUAL_SILENCE, USUAL_EVENTS * (newest - first) / int(tasks)) if tasks > 1 else None
    return DataLimits(first, newest, newest + (silence or LONGEST_USUAL_SILENCE), purged_before, future_tasks)
