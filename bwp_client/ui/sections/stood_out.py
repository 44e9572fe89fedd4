"""The product that stood out in the period, and the states of error codes and products in words that agree with it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from bwp_client.metrics import Bucket, Filters, MetricName, attribution
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.episodes import Episode, find_episode
from bwp_client.metrics.headline import StoodOut
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import short_day
from bwp_client.ui.page import PageContext

WATCHED_STATES: Final = {"new": "new", "returned": "back", "rising": "rising"}
"""The word for each state."""
_IN_PERIOD: Final = (*WATCHED_STATES, "ongoing")
"""The states of codes that tasks of the period have."""
MIN_NEW: Final = 5
"""A code that fewer tasks have is no news."""
MAX_LINES: Final = 6
_WEEK: Final = timedelta(weeks=1)


def rates_by_week(page: PageContext) -> dict[str, pd.DataFrame]:
    """Return the weekly failure rates of the products with most tasks, over this period and the period before.

    Returns:
        `failure_rate` frames by business product ID, over at least eight whole weeks.
    """
    period = attribution.change_search_period(page.filters)
    return page.cached(
        "products by week",
        lambda: {
            product: page.metric(MetricName.FAILURE_RATE, period.with_(business_products=(product,)), Bucket.WEEK)
            for product in rated_products(page.snapshot, page.filters)[:MAX_LINES]
        },
    )


def stood_out(page: PageContext) -> StoodOut | None:
    """Return the product that stood out within the page's period, for the headline; None when none did.

    A product without a main error code, while the rate of all is as before, may have stood out by chance.
    """
    found = episode_of(page)
    if found is None:
        return None
    episode, start, end = found
    if end is not None and end <= page.filters.from_time:
        return None
    product = episode.business_product_id
    filters = page.filters.with_(from_time=start, to_time=end or page.filters.to_time, business_products=(product,))
    failed = page.metric_row(MetricName.PERIOD_COMPARISON, filters)["failed"]
    code = main_code_of(page, filters, failed)
    main_code = None if code is None or page.filters.codes else str(code["code"])
    is_change = verdict(page.metric_row(MetricName.PERIOD_COMPARISON)) in {"higher", "lower"}
    return StoodOut(product, start, end, main_code) if main_code or is_change else None


def state_in_words(page: PageContext, row: Mapping[Hashable, Any]) -> str:
    """Return the state of an error code in words that agree with the headline; empty where it has none.

    A state compares whole periods, so a code can have risen in a period although the product that stood out with it is over,
    as the headline says.

    Args:
        page: The page.
        row: A row of the page's `error_codes` frame, also without the choice of codes.
    """
    state = "" if pd.isna(row["state"]) else str(row["state"])
    found = stood_out(page) if state in _IN_PERIOD else None
    if found is None or found.to_time is None or row["code"] not in (page.filters.codes or (found.code,)):
        return state
    if _is_frequent_since(page, row, found.to_time):
        return f"{state}, but over at {page.names(found.business_product_id)}"
    over = f"over since {short_day(found.to_time)}"
    return over if state in ("rising", "ongoing") else f"{state}, {over}"


def _is_frequent_since(page: PageContext, row: Mapping[Hashable, Any], since: datetime) -> bool:
    """Return whether a code has clearly more tasks since a time than in as many outcomes of the period before."""
    every = page.filters.with_(codes=None)
    later = every.with_(from_time=since)
    codes = page.metric(MetricName.ERROR_CODES, later)
    tasks = int(codes.loc[codes["code"] == row["code"], "tasks"].sum())
    n = page.metric_row(MetricName.PERIOD_COMPARISON, later)["n"]
    n_before = page.metric_row(MetricName.PERIOD_COMPARISON, every)["previous_n"]
    usual = row["tasks_before"] * n / n_before if n_before else 0
    return bool(tasks >= usual + MIN_NEW and 2 * tasks >= 3 * usual)  # as `error_codes.sql` calls a code rising


def verdicts_in_words(page: PageContext, verdicts: Mapping[str, str]) -> dict[str, str]:
    """Return how each product compares with the period before, in words that agree with the headline.

    Args:
        page: The page.
        verdicts: The verdict on each product, by its ID.
    """
    found = stood_out(page) if "higher" in verdicts.values() else None
    if found is None or found.to_time is None or verdicts.get(found.business_product_id) != "higher":
        return dict(verdicts)
    return {**verdicts, found.business_product_id: f"higher, over since {short_day(found.to_time)}"}


def episode_of(page: PageContext) -> tuple[Episode, datetime, datetime | None] | None:
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
    if episode.stays_high:  # a change downwards that leaves the rate high is no end
        return start, None
    near = [time for time in downs if abs(time - episode.to_time) <= _WEEK and time > start]
    end = near[-1] if near else episode.to_time if episode.is_over else to_time
    return start, end if end < to_time else None


def main_code_of(page: PageContext, filters: Filters, failed: int) -> Mapping[Hashable, Any] | None:
    """Return code and tasks of the error code of at least half of the failed tasks; None when there is no such code."""
    codes = page.metric(MetricName.CODES_BY_PRODUCT, filters)
    top = None if codes.empty else codes.iloc[0]
    if top is None or str(top["code"]).startswith("(") or 2 * top["tasks"] < failed:
        return None
    return {"code": top["code"], "tasks": top["tasks"]}
