"""The headline (`metrics/headline.py`), and sentences on the newest week, the error codes and a product that stood out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from bwp_client.metrics import Filters, MetricName, attribution
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.episodes import Episode, find_episode
from bwp_client.metrics.headline import StoodOut, headline, rate_sentence
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import day, days, percent, period_length
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import not_compared
from bwp_client.ui.sections.products import rates_by_week
from bwp_client.ui.sections.unrated import unrated_failures

_WEEK: Final = timedelta(weeks=1)
WATCHED_STATES: Final = {"new": "new", "returned": "back", "rising": "rising"}
"""The word for each state."""
MAX_CODES: Final = 2
MIN_NEW: Final = 5
"""A code that fewer tasks have is no news."""


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
        f"{row['code']} is {WATCHED_STATES[row['state']]}: {row['tasks']:,} tasks, {_count(row['tasks_before'])} in the "
        f"{before} before. First seen {day(row['first_seen'])}, last {day(row['last_seen'])}."
        for row in rows[:MAX_CODES]
    ]
    if len(rows) > MAX_CODES:
        sentences.append(f"{len(rows) - MAX_CODES} more on the error codes page.")
    return " ".join(sentences)


def _count(tasks: int) -> str:
    return f"{tasks:,}" if tasks else "none"


def episode_sentence(page: PageContext) -> str | None:
    """Return sentences on the product that stood out, its days and most frequent code; None when no product stood out."""
    found = _episode(page)
    if found is None:
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


def stood_out(page: PageContext) -> StoodOut | None:
    """Return the product that stood out within the page's period, for the headline; None when none did.

    A product without a main error code, while the rate of all is as before, may have stood out by chance.
    """
    found = _episode(page)
    if found is None:
        return None
    episode, start, end = found
    if end is not None and end <= page.filters.from_time:
        return None
    product = episode.business_product_id
    filters = page.filters.with_(from_time=start, to_time=end or page.filters.to_time, business_products=(product,))
    failed = page.metric_row(MetricName.PERIOD_COMPARISON, filters)["failed"]
    code = _main_code_of(page, filters, failed)
    main_code = None if code is None or page.filters.codes else str(code["code"])
    is_change = verdict(page.metric_row(MetricName.PERIOD_COMPARISON)) in {"higher", "lower"}
    return StoodOut(product, start, end, main_code) if main_code or is_change else None


def new_codes(page: PageContext) -> dict[str, datetime]:
    """Return when each code was first seen that is new in the period and that at least `MIN_NEW` tasks have."""
    codes = page.metric(MetricName.ERROR_CODES)
    new = codes[(codes["state"] == "new") & (codes["tasks"] >= MIN_NEW)].head(MAX_CODES)
    return {str(code): first.to_pydatetime() for code, first in zip(new["code"], new["first_seen"], strict=True)}


def _episode(page: PageContext) -> tuple[Episode, datetime, datetime | None] | None:
    """Return the product that stood out, its first day, and the day after its last; None as the latter while it lasts."""
    episode = page.cached("episode found", lambda: find_episode(rates_by_week(page)))
    return None if episode is None else (episode, *_first_and_end(page, episode))


def _first_and_end(page: PageContext, episode: Episode) -> tuple[datetime, datetime | None]:
    """Return the episode's first day and the day after its last day; None as the latter while the episode lasts.

    A change point within a week of either day is more exact, so it replaces the day.
    """
    to_time = page.filters.to_time
    filters = attribution.change_search_period(page.filters).with_(business_products=(episode.business_product_id,))
    changes = page.metric(MetricName.CHANGE_POINTS, filters)
    ups, downs = (
        [time.to_pydatetime() for time in changes.loc[changes["direction"] == direction, "changed_at"]]
        for direction in ("up", "down")
    )
    near = [time for time in ups if abs(time - episode.from_time) <= _WEEK and time < episode.to_time]
    start = near[-1] if near else episode.from_time
    near = [time for time in downs if abs(time - episode.to_time) <= _WEEK and time > start]
    end = near[-1] if near else episode.to_time if episode.is_over else to_time
    return start, end if end < to_time else None


def _main_code(page: PageContext, filters: Filters, failed: int) -> str:
    """Return a phrase that names the error code of at least half of the failed tasks; empty when there is no such code."""
    top = _main_code_of(page, filters, failed)
    return "" if top is None else f", {top['tasks']:,} of them with {top['code']}"


def _main_code_of(page: PageContext, filters: Filters, failed: int) -> Mapping[Hashable, Any] | None:
    """Return code and tasks of the error code of at least half of the failed tasks; None when there is no such code."""
    codes = page.metric(MetricName.CODES_BY_PRODUCT, filters)
    top = None if codes.empty else codes.iloc[0]
    if top is None or str(top["code"]).startswith("(") or 2 * top["tasks"] < failed:
        return None
    return {"code": top["code"], "tasks": top["tasks"]}
