"""Runs of `enrich`, summed over the rows that each run published in the runs table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bwp_client.warehouse.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRun:
    """One run of `enrich`.

    Attributes:
        state: `finished`, `stopped`, or `partial` if the run is still going on or was killed.
        asked: Tasks looked up.
        found: Tasks whose lookup ended as found.
        not_asked: Tasks in the queue that the run did not look up.
        api_calls: Calls of the API.
        throttled: Calls of the API that were throttled.
        tokens: Requests for an access token.
    """

    started_at: datetime
    finished_at: datetime
    state: str
    asked: int
    found: int
    not_asked: int
    api_calls: int
    throttled: int
    tokens: int

    @property
    def calls_per_second(self) -> float | None:
        """API calls per second over the whole run; None for a run that took no time."""
        seconds = (self.finished_at - self.started_at).total_seconds()
        return self.api_calls / seconds if seconds > 0 else None

    @property
    def throttled_share(self) -> float:
        """The share of API calls that were throttled; 0 without a call."""
        return self.throttled / self.api_calls if self.api_calls else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as the status command prints them."""
        pace = self.calls_per_second
        return {
            "finished_at": self.finished_at.isoformat(timespec="seconds"),
            "state": self.state,
            "asked": self.asked,
            "found": self.found,
            "not_asked": self.not_asked,
            "requests": self.api_calls,
            "requests_per_second": None if pace is None else round(pace, 2),
            "throttled": self.throttled,
            "tokens": self.tokens,
        }


def lookup_runs(runs: Iterable[Run]) -> list[LookupRun]:
    """Combine the rows that each run of `enrich` published.

    Args:
        runs: Rows of the runs table, newest first.

    Returns:
        The runs of `enrich` among them, newest first.
    """
    rows_of: defaultdict[str, list[Run]] = defaultdict(list)
    for row in runs:
        if row.kind == "enrich":
            # The rows of a run are numbered: `<run>-1`, `<run>-2`.
            rows_of[row.run_id.rpartition("-")[0]].append(row)
    return [_combined(rows) for rows in rows_of.values()]


def _combined(rows: list[Run]) -> LookupRun:
    newest = rows[0]
    total: Counter[str] = Counter()
    for row in rows:
        total.update({name: value for name, value in row.counts.items() if isinstance(value, int)})
    return LookupRun(
        started_at=min(row.started_at for row in rows),
        finished_at=newest.finished_at,
        state=newest.state,
        asked=total["asked"],
        found=total["found"],
        not_asked=int(newest.counts.get("not_asked", 0)),
        api_calls=total["requests"],
        throttled=total["throttled"],
        tokens=total["tokens"],
    )
