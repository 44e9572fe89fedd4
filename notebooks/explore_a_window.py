# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Explore a window
# How often did tasks fail in a period, why, and is it different from the period before? The functions and figures are
# those of the pages, so the numbers are the same.

# %% tags=["parameters"]
warehouse = "../warehouse-sample"
days = 28
task_kind = "DELETION"

# %%
import pandas as pd

from bwp_client import METRICS, Bucket, Filters, MetricName, no_denominator, open_snapshot, run_metric
from bwp_client.charts import Theme, code_bars, code_colors, codes_over_time, rate_over_time
from bwp_client.events import TaskKind
from bwp_client.metrics.extent_wording import notes_on

snapshot = open_snapshot(warehouse)
filters = Filters.last_days(snapshot.span()[1], days).with_(task_kind=TaskKind(task_kind))
print(
    f"{filters.from_time:%d %b %Y} to {filters.to_time:%d %b %Y}, as of {snapshot.run.finished_at:%d %b %Y %H:%M} UTC"
)
for note in notes_on(snapshot, MetricName.PERIOD_COMPARISON, filters):
    print(note)

# %% [markdown]
# ## How bad is it?

# %%
rates = run_metric(snapshot, MetricName.FAILURE_RATE, filters, bucket=Bucket.DAY)
print(METRICS[MetricName.FAILURE_RATE].meaning)
rate_over_time(rates, Theme.LIGHT)

# %%
run_metric(snapshot, MetricName.PERIOD_COMPARISON, filters).T

# %% [markdown]
# ## Why?

# %%
codes = run_metric(snapshot, MetricName.ERROR_CODES, filters)
colors = code_colors(codes.sort_values("first_seen")["code"])
code_bars(codes, Theme.LIGHT, colors)

# %%
codes_over_time(run_metric(snapshot, MetricName.ERROR_CODES_OVER_TIME, filters), Theme.LIGHT, colors)

# %%
codes

# %% [markdown]
# ## Can the figures be trusted?

# %%
run_metric(snapshot, MetricName.COVERAGE, filters)

# %%
no_denominator(snapshot, filters)

# %% [markdown]
# ## Your own question
# Query the snapshot with SQL. Every failed task is a row of `failed_tasks`, and its error codes are in `failed_codes`;
# `docs/warehouse.md` lists all tables and columns of a snapshot.

# %%
most_failed: pd.DataFrame = snapshot.frame(
    """
    select business_product_id, count(*) as failed, max(occurred_at) as last_failure
    from failed_tasks group by business_product_id order by failed desc
    """
)
most_failed
