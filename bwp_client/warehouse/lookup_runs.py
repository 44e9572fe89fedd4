"""What runs of `enrich` did: how many they asked about, how fast, and how often they were asked to slow down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bwp_client.warehouse import Run


@dataclass(slots=True)
class LookupRun:
    """One run of `enrich`, summed over what it published.

    Attributes:
        state: `finished`, `stopped`, or `partial` while it runs, or where it was killed.
        not_asked: Tasks that it left.
    """

    started_at: datetime
    finished_at: datetime
    state: str
    asked: int = 0
    found: int = 0
    not_asked: int = 0
    requests: int = 0
    throttled: int = 0
    tokens: int = 0

    @property
    def requests_per_second(self) -> float | None:
        """Requests over the run's whole time; none for one that took no time."""
        seconds = (self.finished_at - self.started_at).total_seconds()
        return self.requests / seconds if seconds > 0 else None

    @property
    def throttled_share(self) -> float:
        """Of the requests, those that were answered with asking us to slow down."""
        return self.throttled / self.requests if self.requests else 0.0

    def as_json(self) -> dict[str, Any]:
        """Give its numbers, for the status command."""
        pace = self.requests_per_second
        return {
            "finished_at": self.finished_at.isoformat(timespec="seconds"),
            "state": self.state,
            "asked": self.asked,
            "found": self.found,
            "not_asked": self.not_asked,
            "requests": self.requests,
            "requests_per_second": None if pace is None else round(pace, 2),
            "throttled": self.throttled,
            "tokens": self.tokens,
        }


def lookup_runs(runs: Iterable[Run]) -> list[LookupRun]:
    """Put together what each run of `enrich` published in several rows.

    Args:
        runs: Rows of the runs table, newest first.

    Returns:
        The runs of `enrich` among them, newest first.
    """
    found: dict[str, LookupRun] = {}
    for row in runs:
        if row.kind != "enrich":
            continue
        # Each row of a run is numbered: `<run>-1`, `<run>-2`.
        run_id = row.run_id.rpartition("-")[0]
        run = found.get(run_id)
        if run is None:
            left = int(row.counts.get("not_asked", 0))
            run = found[run_id] = LookupRun(row.started_at, row.finished_at, row.state, not_asked=left)
        run.started_at = min(run.started_at, row.started_at)
        for name in ("asked", "found", "requests", "throttled", "tokens"):
            setattr(run, name, getattr(run, name) + int(row.counts.get(name, 0)))
    return list(found.values())
