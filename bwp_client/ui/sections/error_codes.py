"""Error codes as tables: the most frequent codes, every code with its next action, and the sets of codes that tasks have."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.wording import counted
from bwp_client.ui.components import (
    DAY_FORMAT,
    ROW_HEIGHT,
    code_column,
    draw_heading,
    draw_table,
    how_to_open,
    time_column,
)
from bwp_client.ui.drill_down import Opening, open_code
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import not_compared, whole_weeks
from bwp_client.ui.sections.stood_out import MIN_NEW, WATCHED_STATES, state_in_words

MAX_TOP_CODES = 3
SPARK_WEEKS = 12


def draw_top_codes(page: PageContext) -> None:
    """Draw the codes to watch, then the most frequent ones, with state, tasks, the weeks before and next action."""
    draw_heading("Why", MetricName.ERROR_CODES, notes=how_to_open("the code"))
    codes = page.cached_table("top codes", lambda: _top_codes(page))
    if not codes.num_rows:
        st.text("No task of this kind failed in this period.")
        return
    draw_table(
        codes,
        hide_index=True,
        column_config={
            "code": code_column(codes["code"].to_pylist()),
            "state": st.column_config.TextColumn("State", width=85),
            "tasks": st.column_config.NumberColumn("Tasks", width=60),
            "share": st.column_config.NumberColumn("Share", format="%.0f %%", width=55),
            "weeks": st.column_config.LineChartColumn(f"Last {SPARK_WEEKS} weeks", y_min=0, width=105),
            "action": st.column_config.TextColumn("Next action", width=330),
        },
        placeholder="–",
        row_height=ROW_HEIGHT,
        opening=Opening(codes["code"].to_pylist(), open_code),
        percentages=["share"],
        key="overview_codes",
        alt="Top error codes with state, tasks, share, the number of failed tasks a week, and next action",
    )  # fmt: skip


def _compared(page: PageContext, name: MetricName) -> pd.DataFrame:
    """Return a metric's frame, whose `tasks_before` (Int64) is null if the data don't cover the period before."""

    def compared() -> pd.DataFrame:
        frame = page.metric(name)
        without = pd.Series(pd.NA, index=frame.index, dtype="Int64")
        return frame.assign(tasks_before=without) if not_compared(page) else frame

    return page.cached(("compared", name), compared)


def _top_codes(page: PageContext) -> pd.DataFrame:
    """Return the new, returned and rising codes, then the most frequent ones.

    Returns:
        `code`, `state`, `action` (str), `tasks` (int64), `share` (float64, per cent), `weeks` (lists of int).
    """
    codes = page.metric(MetricName.ERROR_CODES)
    codes = codes[codes["tasks"] > 0]
    is_watched = codes["state"].isin(WATCHED_STATES) & (codes["tasks"] >= MIN_NEW)
    codes = codes.assign(is_watched=is_watched).sort_values("is_watched", ascending=False, kind="stable")
    codes = codes.head(MAX_TOP_CODES)
    starts = whole_weeks(page, SPARK_WEEKS)  # a week that is not over would look like a fall
    since = page.filters.to_time - (SPARK_WEEKS + 1) * timedelta(weeks=1)
    over_time = page.metric(
        MetricName.ERROR_CODES_OVER_TIME, page.filters.with_(from_time=min([since, *starts])), Bucket.WEEK
    )
    by_week = over_time.pivot_table(index="code", columns="period_start", values="tasks", aggfunc="sum", fill_value=0)
    by_week = by_week.reindex(index=codes["code"], columns=pd.DatetimeIndex(starts), fill_value=0)
    weeks = pd.Series([list(map(int, row)) for row in by_week.to_numpy()], index=codes.index, dtype=object)
    return codes[["code", "state", "tasks", "share"]].assign(
        state=_states(page, codes), share=codes["share"] * 100, weeks=weeks, action=codes["action"]
    )


def _states(page: PageContext, codes: pd.DataFrame) -> list[str]:
    return [state_in_words(page, row) for row in codes.to_dict("records")]


def draw_every_code(page: PageContext) -> None:
    """Draw every code of the period with its figures."""
    codes = _compared(page, MetricName.ERROR_CODES)
    columns = ["code", "state", "tasks", "tasks_before", "share", "first_seen", "last_seen", "class"]

    def shown() -> pd.DataFrame:
        states = _states(page, page.metric(MetricName.ERROR_CODES))
        return codes[columns].assign(state=states, share=codes["share"] * 100)

    rows = page.cached_table("every code", shown)
    draw_heading("Every code", MetricName.ERROR_CODES, notes=how_to_open("the code"))
    draw_table(
        rows,
        hide_index=True,
        column_config={
            "code": code_column(codes["code"]),
            "state": st.column_config.TextColumn("State", width=125),
            "class": st.column_config.TextColumn("Class", width=160),
            "tasks": st.column_config.NumberColumn("Tasks", format="localized", width=60),
            "tasks_before": st.column_config.NumberColumn("Period before", format="localized", width=88),
            "share": st.column_config.NumberColumn("Share", format="%.1f %%", width=62),
            "first_seen": time_column("First seen", time_format=DAY_FORMAT, width=86),
            "last_seen": time_column("Last seen", time_format=DAY_FORMAT, width=86),
        },
        opening=Opening(rows["code"].to_pylist(), open_code),
        placeholder="–",
        percentages=["share"],
        key="codes_table",
        alt="Every error code with state, tasks, share, first and last seen, and class",
    )  # fmt: skip


def draw_actions(page: PageContext) -> None:
    """Draw the next action for every code of the period."""
    codes = page.metric(MetricName.ERROR_CODES)
    draw_table(
        page.cached_table("actions", lambda: codes[["code", "action"]]),
        hide_index=True,
        column_config={
            "code": st.column_config.TextColumn("Error code", width="medium"),
            "action": st.column_config.TextColumn("Next action", width="large"),
        },
        key="actions",
        alt="The next action for every error code",
    )


def draw_code_sets(page: PageContext) -> None:
    """Draw the sets of several codes that failed tasks have at once."""
    several = page.cached("sets of several codes", lambda: _compared(page, MetricName.CODE_SETS).query("codes > 1"))
    failed = page.metric_row(MetricName.COVERAGE)["failed"]
    of_several = int(several["tasks"].sum())
    notes = (
        f"{of_several:,} of {counted(failed, 'failed task')} {'has' if of_several == 1 else 'have'} more than one code."
    )
    draw_heading("Codes that come together", MetricName.CODE_SETS, notes=notes)
    if several.empty:
        st.caption("No failed task of this period has more than one code.")
        return
    columns = ["code_set", "tasks", "tasks_before", "share"]
    draw_table(
        page.cached_table("code sets", lambda: several[columns].assign(share=several["share"] * 100)),
        hide_index=True,
        column_config={
            "code_set": st.column_config.TextColumn("Error codes of one task", width=600),
            "tasks": "Failed tasks",
            "tasks_before": "Period before",
            "share": st.column_config.NumberColumn("Share", format="%.1f %%"),
        },
        placeholder="–",
        percentages=["share"],
        key="code_sets",
        alt="Sets of error codes that failed tasks have together, with tasks and share",
    )
