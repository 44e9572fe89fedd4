"""Silence: how long no event has come of the selected tasks, and of single business products while others send events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from bwp_client.metrics import Filters
from bwp_client.metrics.extent import OutcomeSpan
from bwp_client.metrics.sql_templates import bound, filter_parameters, render_sql
from bwp_client.warehouse.snapshot import Snapshot

RETIRED_AFTER = timedelta(days=90)
"""A business product that has been silent for longer is taken for retired."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The newest events of the selected tasks.

    Attributes:
        newest_event_at: The newest event that is not dated after the run that was read; None without an event.
        silent_products: Each business product that is silent for longer than usual, with its newest event, oldest first.
    """

    newest_event_at: datetime | None
    silent_products: tuple[tuple[str, datetime], ...]

    @classmethod
    def of(cls, snapshot: Snapshot, filters: Filters, *, now: datetime, hours: float) -> Self:
        """Return the newest events of the tasks that filters select; the period doesn't matter.

        Args:
            snapshot: The newest data.
            filters: The filters.
            now: The moment from which silence is counted.
            hours: The shortest silence of a product that is named. It must also be one in which `USUAL_EVENTS` of the
                product would usually have come.
        """
        sql = render_sql("queries/newest_events.sql")
        values = filter_parameters(filters) | {"as_of": snapshot.run.finished_at}
        rows = snapshot.rows(sql, bound(sql, values))
        heard = {row[0]: OutcomeSpan(*row[1:]) for row in rows}
        silent = [
            (product, span.newest_at)
            for product, span in heard.items()
            if hours < (now - span.newest_at) / timedelta(hours=1)
            and now - span.newest_at <= RETIRED_AFTER
            and span.ends_before(span.first_at, now)
        ]
        return cls(
            max((span.newest_at for span in heard.values()), default=None),
            tuple(sorted(silent, key=lambda item: item[1])),
        )
