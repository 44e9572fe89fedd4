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
# # Study one error code
# Since when does an error code occur, for which business products, with which other codes, and which of its tasks are
# still open?

# %% tags=["parameters"]
warehouse = "../warehouse-sample"
code = "ORDERS_NOT_CLOSED"
days = 84

# %%
from bwp_client import Bucket, Filters, MetricName, open_snapshot, run_metric
from bwp_client.charts import Theme, code_colors, codes_over_time, rate_over_time

snapshot = open_snapshot(warehouse)
filters = Filters.last_days(snapshot.span()[1], days)
with_code = filters.with_(codes=(code,))

# %% [markdown]
# ## Since when, and what to do
# A filter by code narrows the failed tasks only, so the rate is: failed with this code ÷ all outcomes.

# %%
run_metric(snapshot, MetricName.ERROR_CODES, with_code).T

# %%
weekly = run_metric(snapshot, MetricName.FAILURE_RATE, with_code, bucket=Bucket.WEEK)
rate_over_time(weekly, Theme.LIGHT)

# %%
by_week = run_metric(snapshot, MetricName.ERROR_CODES_OVER_TIME, with_code, bucket=Bucket.WEEK)
codes_over_time(by_week, Theme.LIGHT, code_colors([code]))

# %% [markdown]
# ## For which business products

# %%
run_metric(snapshot, MetricName.COMPARISON_BY_PRODUCT, with_code)

# %% [markdown]
# ## With which other codes

# %%
run_metric(snapshot, MetricName.CODE_SETS, with_code)

# %% [markdown]
# ## What is still open

# %%
still_open = run_metric(snapshot, MetricName.OPEN_FAILURES, with_code)
still_open[still_open["state"] == "open"].head(20)
