"""One error code: since when, where, with which other codes, its messages, and its open tasks."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.code_history import change_sentences, days_of_newest_rise, example_messages, source_of_rise
from bwp_client.metrics.wording import day, percent
from bwp_client.ui.components import ROW_HEIGHT, count_column, draw_heading, draw_table, how_to_open
from bwp_client.ui.data import to_arrow
from bwp_client.ui.drill_down import WITH_CODE, Opening, open_code, open_task_page
from bwp_client.ui.filters import all_codes
from bwp_client.ui.markdown import plain, readable
from bwp_client.ui.page import TASKS_PAGE, PageContext, name_tab, parameters_with
from bwp_client.ui.sections.stood_out import state_in_words
from bwp_client.ui.sections.trends import draw_change_points
from bwp_client.ui.sections.worklist_rows import COLUMNS, read_failures, this_quarter_hour

MAX_TASKS = 5
_MAX_LENGTH = 100


def draw_code(page: PageContext, code: str) -> None:
    """Draw the page of an error code, or that the data don't know the code.

    Args:
        page: The page; the code takes the place of its choice of codes.
        code: The code.
    """
    name_tab(f"Error code {readable(code[:_MAX_LENGTH])}")
    st.button("All error codes", icon=":material/arrow_back:", on_click=open_code, args=("",), key="all_codes")
    st.header(plain(code[:_MAX_LENGTH]), anchor=False)
    if code not in all_codes(page.snapshot):
        st.warning(
            f"No failed task has the error code “{plain(code[:_MAX_LENGTH])}” in these data. The link asks for it."
        )
        return
    of_code = page.with_code(code)
    _draw_state(page, code)
    _draw_history(of_code)
    _draw_open_tasks(of_code, code)
    _draw_products(of_code)
    _draw_codes_together(of_code)
    _draw_messages(of_code, code)


def _draw_state(page: PageContext, code: str) -> None:
    """Draw the figures of the period, the class of the code and its next action."""
    every = page.filters.with_(codes=None)
    rows = page.metric(MetricName.ERROR_CODES, every).to_dict("records")
    row = next((row for row in rows if row["code"] == code), None)
    if row is None:  # no task of the period has it
        all_data = page.filters_of_all_data.with_(codes=None)
        rows = page.metric(MetricName.ERROR_CODES, all_data).to_dict("records")
        known = next((row for row in rows if row["code"] == code), None)
        if known is None:
            st.text("No task of this kind, these products and these regions failed with this code.")
            return
        row = known | {"tasks": 0, "share": 0.0, "tasks_before": None, "state": "not in this period"}
    guidance, state = page.guidance.for_code(code), state_in_words(page, row)
    with st.container(horizontal=True):
        st.metric("Failed tasks", f"{row['tasks']:,}", border=True, width="content")
        share = percent(row["share"], 0) if pd.notna(row["share"]) else "–"  # nothing failed in the period
        st.metric("Share of failed tasks", share, border=True, width="content")
        st.metric("State", state[:1].upper() + state[1:] or "–", border=True, width="content")
    st.text(
        f"First seen {day(row['first_seen'])}, last {day(row['last_seen'])}. {guidance.code_class}. {guidance.action}"
    )


def _draw_history(page: PageContext) -> None:
    """Draw since when the code is more or less frequent, what was behind its newest rise, and its weekly share."""
    changes = page.metric(MetricName.CHANGE_POINTS, page.filters_of_all_data)
    draw_heading("Since when", MetricName.CHANGE_POINTS)
    for sentence in page.cached("changes of code", lambda: change_sentences(changes)):
        st.text(sentence)
    if changes.empty:
        st.text("It has been about as frequent all the time.")
    elif rise := days_of_newest_rise(changes, page.filters_of_all_data):
        contributors = page.metric(MetricName.CONTRIBUTORS, rise)
        if source := source_of_rise(contributors, page.names):
            st.text(f"The newest rise began on {day(rise.from_time)}. {source}")
    weekly = page.metric(MetricName.FAILURE_RATE, page.filters_of_all_data, Bucket.WEEK)
    if not weekly.empty:
        draw_change_points(page, weekly, title="Tasks that fail with it, of all finished tasks,")


def _draw_open_tasks(page: PageContext, code: str) -> None:
    draw_heading("Open tasks", notes=f"The nearest deadlines that can still be met. {how_to_open('the task')}")
    until = max(page.filters_of_all_data.to_time, this_quarter_hour())
    failures = read_failures(page, page.filters.with_(from_time=EARLIEST_EVENT, to_time=until))
    st.page_link(
        TASKS_PAGE, label=f"{failures.count('open'):,} open, {failures.count('overdue'):,} of them overdue",
        query_params=parameters_with({WITH_CODE: [code]}), icon=":material/checklist:",
    )  # fmt: skip
    first = failures.recent[(failures.recent["state"] == "open") & (failures.recent["days_left"] >= 0)].head(MAX_TASKS)
    if first.empty:
        return
    draw_table(
        to_arrow(first[["days_left", "deadline", "product", "task_id"]]),
        hide_index=True, column_config=COLUMNS, placeholder="–", row_height=ROW_HEIGHT // 2,
        opening=Opening(first["task_id"].tolist(), open_task_page),
        key="code_tasks", alt="The first open tasks with this code, with days left, deadline and product",
    )  # fmt: skip


def _draw_products(page: PageContext) -> None:
    """Draw the failed tasks with the code by product, in the period and in the period before."""
    st.subheader("By business product", anchor=False)

    def rows() -> pd.DataFrame:
        now, before = (
            page.metric(MetricName.CODES_BY_PRODUCT, filters).set_index("business_product_id")["tasks"]
            for filters in (page.filters, page.filters.period_before())
        )
        both = pd.DataFrame({"Failed tasks": now, "Period before": before}).fillna(0).astype("int64")
        both = both.sort_values("Failed tasks", ascending=False, kind="stable").rename_axis("product").reset_index()
        return both.assign(product=both["product"].map(page.names))

    table = page.cached_table("products of code", rows)
    if table.num_rows:
        draw_table(
            table, hide_index=True, key="code_products", alt="Failed tasks with this code by business product",
            column_config={"product": "Business product", "Failed tasks": count_column("Failed tasks"),
                           "Period before": count_column("Period before")},
        )  # fmt: skip
    else:
        st.text("No task of this period or the one before failed with it.")


def _draw_codes_together(page: PageContext) -> None:
    """Draw the codes that tasks with this code have too."""
    sets = page.cached("codes together", lambda: page.metric(MetricName.CODE_SETS).query("codes > 1"))
    draw_heading("Codes that come with it", MetricName.CODE_SETS)
    if sets.empty:
        st.text("None in this period.")
        return
    draw_table(
        page.cached_table("sets of code", lambda: sets[["code_set", "tasks"]]),
        hide_index=True, key="codes_together", alt="Sets of error codes with this code, with their failed tasks",
        column_config={"code_set": st.column_config.TextColumn("Error codes of one task", width=800),
                       "tasks": count_column("Failed tasks")},
    )  # fmt: skip


def _draw_messages(page: PageContext, code: str) -> None:
    """Draw the most frequent messages that came with the code, without IDs and numbers."""
    st.subheader("Messages", anchor=False)
    messages, looked_at = page.cached(
        "messages of code", lambda: example_messages(page.snapshot, page.filters_of_all_data, code)
    )
    if not messages:
        st.text("No message came with it.")
        return
    for message in messages:
        st.code(readable(message.text), language=None, wrap_lines=True)
        newest = "The newest task" if looked_at == 1 else f"{message.tasks:,} of the newest {looked_at:,} tasks"
        st.caption(
            f"{newest} of all data {'has' if message.tasks == 1 else 'have'} this message (IDs and numbers left out)."
        )
