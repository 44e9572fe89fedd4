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
# # Compare two periods
# This notebook compares a period with the period of the same length just before it. Is the failure rate different, since
# which day, and what is the difference made of?

# %% tags=["parameters"]
warehouse = "../warehouse-sample"
days = 28

# %%
from bwp_client import METRICS, Filters, MetricName, open_snapshot, run_metric
from bwp_client.charts import Theme, rate_over_time
from bwp_client.metrics.extent_wording import notes_on

snapshot = open_snapshot(warehouse)
filters = Filters.last_days(snapshot.span()[1], days)
before = filters.with_(from_time=filters.before_time, to_time=filters.from_time)
print(f"{before.from_time:%d %b %Y} to {filters.from_time:%d %b %Y}, then to {filters.to_time:%d %b %Y}")
for note in notes_on(snapshot, MetricName.PERIOD_COMPARISON, filters):
    print(note)

# %% [markdown]
# ## Is it different?
# The rate is different only if Newcombe's interval of the difference excludes zero.

# %%
comparison = run_metric(snapshot, MetricName.PERIOD_COMPARISON, filters)
comparison.T

# %% [markdown]
# ## Since which day?

# %%
both = before.with_(to_time=filters.to_time)
rate_over_time(run_metric(snapshot, MetricName.FAILURE_RATE, both), Theme.LIGHT)

# %%
run_metric(snapshot, MetricName.CHANGE_POINTS, both)

# %% [markdown]
# ## What is the difference made of?

# %%
print(METRICS[MetricName.CONTRIBUTORS].meaning)
parts = run_metric(snapshot, MetricName.CONTRIBUTORS, filters)
parts[parts["part"] == "product"].drop(columns=["part", "code_set"])

# %%
parts[parts["part"] == "code_set"][["code_set", "previous_failed", "failed", "contribution"]]

# %% [markdown]
# The contributions add up to the difference, within the precision of floating-point numbers.

# %%
abs(parts[parts["part"] == "product"]["contribution"].sum() - comparison["difference"].iloc[0])

# %% [markdown]
# ## Which error codes are new, quiet or rising?

# %%
codes = run_metric(snapshot, MetricName.ERROR_CODES, filters)
codes[["code", "state", "tasks_before", "tasks", "first_seen", "last_seen"]]
