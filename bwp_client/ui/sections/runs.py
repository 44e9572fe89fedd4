"""The newest runs with their counts, and the records that they did not store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pandas as pd
import streamlit as st

from bwp_client.settings import SAMPLE_SOURCE
from bwp_client.ui.components import count_column, draw_heading, draw_table, time_column
from bwp_client.ui.data import cached, to_arrow
from bwp_client.ui.page import PageContext, time_since
from bwp_client.warehouse import Run, list_runs
from bwp_client.warehouse.lookup_runs import LookupRun

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

R = TypeVar("R", Run, LookupRun)

MAX_RUNS: Final = 50
_NOT_STORED: Final = ("duplicate", "ignored", "quarantined")


def draw_runs(page: PageContext) -> None:
    """Draw the runs, and the records that they did not store by cause, type or reason."""
    runs = cached(
        page.snapshot, "newest runs", lambda: newest_first(list_runs(page.snapshot.warehouse, limit=MAX_RUNS))
    )
    draw_heading(
        "Runs", notes="Newest first. Every record read is stored, duplicate, ignored or quarantined; the counts add up."
    )
    draw_table(
        to_arrow(pd.DataFrame([_row(run) for run in runs])),  # not cached, because the ages change
        hide_index=True,
        column_config={
            "finished": time_column("Finished", width=125), "age": st.column_config.TextColumn("Age", width=78),
            "run": st.column_config.TextColumn("Run", width=50), "source": st.column_config.TextColumn("Source", width=105),
            "read": _count("Read or asked", 92), "stored": _count("Stored or found", 95),
            "duplicate": _count("Duplicate", 70), "ignored": _count("Ignored", 60),
            "quarantined": _count("Quarantined", 82),
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f", width=60),
            "state": st.column_config.TextColumn("State", width=65),
        },
        placeholder="–",
        key="runs",
        alt="The newest runs with their counts",
    )  # fmt: skip
    rows = cached(page.snapshot, "not stored", lambda: to_arrow(_not_stored(runs)))
    if rows.num_rows:
        st.caption("Records that these runs did not store, and why.")
        draw_table(
            rows, hide_index=True, key="detail", column_config={"Records": count_column("Records")},
            alt="Duplicates by cause, ignored events by type, quarantined records by reason",
        )  # fmt: skip


def _count(label: str, width: int) -> ColumnConfig:
    return st.column_config.NumberColumn(label, format="localized", width=width)


def newest_first(runs: Iterable[R]) -> list[R]:
    """Return runs by the time at which they finished; runs at the same time may have been recorded in another order."""
    return sorted(runs, key=lambda run: run.finished_at, reverse=True)


def _row(run: Run) -> dict[str, Any]:
    counts = run.counts
    return {
        "run": run.kind,
        "finished": run.finished_at,
        "age": time_since(run.finished_at),
        "source": "sample data" if run.source == SAMPLE_SOURCE else run.source,
        "read": counts.get("read", counts.get("asked")),
        "stored": counts.get("stored", counts.get("found")),
        **{name: _total(counts.get(name)) for name in _NOT_STORED},
        "seconds": (run.finished_at - run.started_at).total_seconds(),
        "state": run.state,
    }


def _total(count: Any) -> int | None:
    """Return a count, or the sum of counts by cause; None when a run has no such count."""
    if isinstance(count, dict):
        return sum(count.values())
    return count if isinstance(count, int) else None


def _not_stored(runs: list[Run]) -> pd.DataFrame:
    """Return Count and Kind (text) and Records (int), summed over runs."""
    records: Counter[tuple[str, str]] = Counter()
    for run in runs:
        for name in _NOT_STORED:
            by_kind = run.counts.get(name)
            if isinstance(by_kind, dict):
                records.update({(name, kind): count for kind, count in by_kind.items() if count})
    order = sorted(records, key=lambda key: key[0])
    return pd.DataFrame([{"Count": name, "Kind": kind, "Records": records[name, kind]} for name, kind in order])
