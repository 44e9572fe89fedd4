"""Why tasks fail."""

import streamlit as st

from bwp_client.charts import code_bars, codes_over_time
from bwp_client.charts.codes import describe_codes
from bwp_client.metrics import MetricName
from bwp_client.ui import components
from bwp_client.ui import page as page_frame
from bwp_client.ui.sections import products

page = page_frame.page("Error codes")
bucket = page.choice.bucket
coverage = components.ask_row(page, MetricName.COVERAGE)
codes = components.ask(page, MetricName.ERROR_CODES)
if not coverage["failed"]:
    st.info("No task of this kind failed in this period.")
    st.stop()
if coverage["found"] < coverage["failed"]:
    st.warning(
        f"The errors are known for {coverage['found']:,} of {coverage['failed']:,} failed tasks; the others are shown as "
        "“not looked up”. Look up errors on the data health page.",
        icon="⚠️",
    )
palette = components.colors(page)
components.show_chart(
    page,
    "Failed tasks by error code",
    lambda: code_bars(codes, components.theme(), palette),
    caption=f"A task with two codes counts under each. n {coverage['failed']:,} failed tasks, {components.as_of(page)}.",
    alt=lambda: describe_codes(codes),
    key="codes",
    about=(MetricName.ERROR_CODES, MetricName.COVERAGE),
    opens=components.of_code,
)
over_time = components.ask(page, MetricName.ERROR_CODES_OVER_TIME)
components.show_chart(
    page,
    f"Failed tasks by error code and {bucket}",
    lambda: codes_over_time(over_time, components.theme(), palette),
    caption=f"n {coverage['failed']:,} failed tasks, {components.as_of(page)}.",
    alt=lambda: (
        f"Failed tasks by error code over {over_time['period_start'].nunique()} periods. " + describe_codes(codes)
    ),
    key="codes_over_time",
    about=(MetricName.ERROR_CODES_OVER_TIME,),
    opens=components.of_period(page, bucket),
)
components.heading("Every code", MetricName.ERROR_CODES)
every = components.table(
    page,
    "every code",
    lambda: codes[["code", "state", "tasks", "tasks_before", "share", "first_seen", "last_seen", "class"]].assign(
        share=codes["share"] * 100
    ),
)
st.dataframe(
    every,
    hide_index=True,
    column_config={
        "code": "Error code", "state": "State", "class": "Class", "tasks": components.count_column("Failed tasks"),
        "tasks_before": components.count_column("Period before"),
        "share": st.column_config.NumberColumn("Share", format="%.1f %%"),
        "first_seen": st.column_config.DatetimeColumn("First seen", format="DD MMM YYYY", timezone="UTC"),
        "last_seen": st.column_config.DatetimeColumn("Last seen", format="DD MMM YYYY", timezone="UTC"),
    },
    on_select=components.code_rows("codes_table", every),
    selection_mode="single-row",
    placeholder="–",
    key="codes_table",
    alt="Every error code with state, tasks, share, first and last seen, and class",
)  # fmt: skip
st.subheader("What to do", anchor=False)
st.dataframe(
    components.table(page, "actions", lambda: codes[["code", "action"]]),
    hide_index=True,
    column_config={
        "code": st.column_config.TextColumn("Error code", width="medium"),
        "action": st.column_config.TextColumn("Next action", width="large"),
    },
    key="actions",
    alt="The next action for every error code",
)
sets = components.ask(page, MetricName.CODE_SETS)
together = sets[sets["codes"] > 1]
components.heading("Codes that come together", MetricName.CODE_SETS)
if together.empty:
    st.caption("No failed task of this period has more than one code.")
else:
    st.caption(
        f"{int(together['tasks'].sum()):,} of {coverage['failed']:,} failed tasks have more than one code; each counts once "
        f"here, {components.as_of(page)}."
    )
    st.dataframe(
        components.table(
            page,
            "code sets",
            lambda: together[["code_set", "tasks", "tasks_before", "share"]].assign(share=together["share"] * 100),
        ),
        hide_index=True,
        column_config={
            "code_set": st.column_config.TextColumn("Error codes of one task", width="large"),
            "tasks": "Failed tasks",
            "tasks_before": "Period before",
            "share": st.column_config.NumberColumn("Share", format="%.1f %%"),
        },
        key="code_sets",
        alt="Sets of error codes that failed tasks have together, with tasks and share",
    )
st.subheader("By business product", anchor=False)
st.caption("Failed tasks by error code and business product; a task with two codes counts under each.")
products.show_codes(page)
components.meaning(MetricName.ERROR_CODES, MetricName.CODE_SETS, MetricName.COVERAGE)
