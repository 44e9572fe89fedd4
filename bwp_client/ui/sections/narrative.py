"""The headline (`metrics/headline.py`), and sentences on the newest week, the error codes and a product that stood out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pandas as pd

from bwp_client.metrics import Filters, MetricName, attribution
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.headline import NewCode, headline, rate_sentence
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import counted, day, days, percent, period_length
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import not_compared
from bwp_client.ui.sections.stood_out import (
    MIN_NEW,
    WATCHED_STATES,
    episode_of,
    main_code_of,
    state_in_words,
    stood_out,
)
from bwp_client.ui.sections.unrated import unrated_failures

_WEEK: Final = timedelta(weeks=1)
MAX_CODES: Final = 2


def headline_of(page: PageContext, comparison: dict[Hashable, Any]) -> str:
    """Return the headline: the failure rate, its comparison with the period before, and what is behind it.

    Args:
        page: The page.
        comparison: The page's `period_comparison` row.
    """
    filters, stand_out = page.filters, stood_out(page)
    cause = (
        None
        if stand_out or not_compared(page)
        else attribution.cause_of(page.metric, filters, comparison, page.metric(MetricName.COMPARISON_BY_PRODUCT))
    )
    if cause and filters.codes:
        cause = replace(cause, code_set=None)  # the code that the visitor chose explains nothing
    return headline(
        comparison, filters.task_kind, stand_out, cause, new_codes(page), page.names, codes=filters.codes or (),
        unrated=unrated_failures(page), not_compared=not_compared(page),
    )  # fmt: skip


def newest_week_sentence(page: PageContext) -> str | None:
    """Return sentences that compare the last two weeks; None when the period is shorter or nothing is rated."""
    filters = page.filters
    if filters.to_time - filters.from_time < 2 * _WEEK or not rated_products(page.snapshot, filters):
        return None
    week = filters.with_(from_time=filters.to_time - _WEEK)
    row = page.metric_row(MetricName.PERIOD_COMPARISON, week)
    text = f"Last 7 days: {rate_sentence(row, filters.task_kind, not_compared=not_compared(page, week))}"
    is_change = verdict(row) in {"higher", "lower"}
    if is_change and attribution.may_be_requests(row, page.metric(MetricName.CONTRIBUTORS, week)):
        requests = "More" if row["failed"] > row["previous_failed"] else "Fewer"
        text += f" {requests} requests alone can look like this: failures are reported sooner than completions."
    return text


def watched_codes_sentence(page: PageContext) -> str | None:
    """Return sentences on the new, returned and rising error codes, most tasks first; None when no code has enough tasks."""
    codes = page.metric(MetricName.ERROR_CODES)
    rows = codes[codes["state"].isin(WATCHED_STATES) & (codes["tasks"] >= MIN_NEW)].to_dict("records")
    if not rows:
        return None
    before = period_length(page.filters.to_time - page.filters.from_time)
    sentences = [
        f"{row['code']} is {_watched(state_in_words(page, row))}: {counted(row['tasks'], 'task')}, "
        f"{_count(row['tasks_before'])} in the {before} before. "
        f"First seen {day(row['first_seen'])}, last {day(row['last_seen'])}."
        for row in rows[:MAX_CODES]
    ]
    if len(rows) > MAX_CODES:
        sentences.append(f"{len(rows) - MAX_CODES} more on the error codes page.")
    return " ".join(sentences)


def _watched(state: str) -> str:
    return WATCHED_STATES.get(state, state)


def _count(tasks: int) -> str:
    return f"{tasks:,}" if tasks else "none"


def episode_sentence(page: PageContext) -> str | None:
    """Return sentences on the product that stood out, its days and most frequent code; None when no product stood out."""
    found = episode_of(page)
    if found is None or stood_out(page) is None:
        return None
    episode, start, end = found
    product = episode.business_product_id
    to_time = page.filters.to_time
    filters = page.filters.with_(from_time=start, to_time=end or to_time, business_products=(product,))
    row = page.metric_row(MetricName.PERIOD_COMPARISON, filters)
    when = f"since {day(start)}" if end is None else days(start, end - timedelta(days=1))
    rated = f"{percent(row['rate'])}, usually" if pd.notna(row["rate"]) else "usually"
    sentences = (
        f"Worst: {page.names(product)}, {when}. {row['failed']:,} of {row['n']:,} tasks failed ({rated} "
        f"{percent(episode.usual_rate)}){_main_code(page, filters, row['failed'])}."
    )
    if end is None:
        return f"{sentences} It is still going on."
    after = page.metric_row(MetricName.PERIOD_COMPARISON, filters.with_(from_time=end, to_time=to_time))
    rated = f" ({percent(after['rate'])})" if pd.notna(after["rate"]) else ""
    return f"{sentences} Since {day(end)}: {after['failed']:,} of {after['n']:,}{rated}."


def new_codes(page: PageContext) -> dict[str, NewCode]:
    """Return the first codes that are new in the period and that at least `MIN_NEW` tasks have."""
    codes = page.metric(MetricName.ERROR_CODES)
    new = codes[(codes["state"] == "new") & (codes["tasks"] >= MIN_NEW)].head(MAX_CODES)
    return {
        str(row["code"]): NewCode(
            row["first_seen"].to_pydatetime(), row["last_seen"].to_pydatetime(), int(row["tasks"])
        )
        for row in new.to_dict("records")
    }


def _main_code(page: PageContext, filters: Filters, failed: int) -> str:
    """Return a phrase that names the error code of at least half of the failed tasks; empty when there is no such code."""
    top = main_code_of(page, filters, failed)
    return "" if top is None else f", {top['tasks']:,} of them with {top['code']}"
