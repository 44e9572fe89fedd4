"""What changed, for a page: the computed sentence, the product and weeks that stand out, the changes of the rate."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from bwp_client.metrics import Filters, MetricName, attribution
from bwp_client.metrics.episodes import Episode, find_episode
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import day, percent, period_length, rate_with_interval, statement
from bwp_client.ui.components import as_arrow, ask, ask_row
from bwp_client.ui.page import Page

_WEEK = timedelta(weeks=1)
TOP_CODES = 8
_TOLD_STATES = ("new", "returned", "rising")
_TOLD_CODES = 2


def top_codes(page: Page) -> pa.Table:
    """Give the codes most met, as rows of a table."""
    codes = ask(page, MetricName.ERROR_CODES)
    codes = codes[codes["tasks"] > 0].head(TOP_CODES)
    shown = codes[["code", "state", "tasks", "tasks_before", "share", "action"]].assign(share=codes["share"] * 100)
    return as_arrow(shown)


def sentence(page: Page, row: dict[Hashable, Any], products: pd.DataFrame) -> str:
    """Say the state in one sentence.

    Args:
        page: The page.
        row: The `period_comparison` of all products.
        products: The same by product.
    """
    filters = page.choice.filters
    cause = attribution.cause_of(lambda name, chosen: ask(page, name, chosen), filters, row, products)
    if cause and filters.codes:
        cause = replace(cause, code_set=None)  # the one that was asked for
    return statement(row, filters.to_time - filters.from_time, cause, page.names)


def lately(page: Page) -> str | None:
    """Say how the newest week of a longer period compares with the week before it; none where it says nothing new."""
    filters = page.choice.filters
    if filters.to_time - filters.from_time < 2 * _WEEK or not rated_products(page.snapshot, filters):
        return None
    week = filters.with_(from_time=filters.to_time - _WEEK)
    row = ask_row(page, MetricName.PERIOD_COMPARISON, week)
    alike = attribution.may_be_requests(row, ask(page, MetricName.CONTRIBUTORS, week))
    text = statement(row, _WEEK, attribution.Cause(may_be_requests=alike), page.names)
    return f"Last 7 days of this period: {text[0].lower()}{text[1:]}"


def tell_codes(page: Page) -> str | None:
    """Say which error codes are new, returned or rising, the most frequent first; none when none is."""
    codes = ask(page, MetricName.ERROR_CODES)
    rows = codes[codes["state"].isin(_TOLD_STATES)].to_dict("records")
    if not rows:
        return None
    before = period_length(page.choice.filters.to_time - page.choice.filters.from_time)
    said = [
        f"{row['code']} is {row['state']}: {row['tasks']:,} failed tasks, {row['tasks_before']:,} in the {before} before; "
        f"first seen {day(row['first_seen'])}, last {day(row['last_seen'])}."
        for row in rows[:_TOLD_CODES]
    ]
    more = len(rows) - _TOLD_CODES
    return " ".join([*said, *([f"{more} more on the error codes page."] if more > 0 else [])])


def tell_episode(page: Page, weekly: dict[str, pd.DataFrame]) -> str | None:
    """Say in one sentence which product stood out, from when to when, and with which code; none when none did.

    Args:
        page: The page.
        weekly: `failure_rate` frames by week, by business product ID.
    """
    episode = find_episode(weekly)
    if episode is None:
        return None
    product = episode.business_product_id
    start, end = _days(page, episode)
    to_time = page.choice.filters.to_time
    filters = page.choice.filters.with_(from_time=start, to_time=end or to_time, business_products=(product,))
    (row,) = ask(page, MetricName.PERIOD_COMPARISON, filters).to_dict("records")
    others_since = attribution.change_search_period(page.choice.filters).from_time
    when = f"since {day(start)}" if end is None else f"from {day(start)} to {day(end - timedelta(days=1))}"
    said = (
        f"{page.names(product)} stood out {when}: {rate_with_interval(row)}, n {row['n']:,}, against "
        f"{percent(episode.usual_rate)} in its other weeks since {day(others_since)}"
        f"{_mostly(page, filters, row['failed'])}."
    )
    if end is None:
        return said
    (after,) = ask(page, MetricName.PERIOD_COMPARISON, filters.with_(from_time=end, to_time=to_time)).to_dict("records")
    rated = f", {percent(after['rate'])}" if pd.notna(after["rate"]) else ""
    return f"{said} After that {after['failed']:,} of {after['n']:,} failed{rated}."


def _days(page: Page, episode: Episode) -> tuple[datetime, datetime | None]:
    """Give the episode's first day, and the day after its last, none where it lasts; to the day where changes tell."""
    to_time = page.choice.filters.to_time
    filters = attribution.change_search_period(page.choice.filters).with_(
        business_products=(episode.business_product_id,)
    )
    changes = ask(page, MetricName.CHANGE_POINTS, filters)
    ups, downs = (
        [time.to_pydatetime() for time in changes.loc[changes["direction"] == way, "changed_at"]]
        for way in ("up", "down")
    )
    near = [time for time in ups if abs(time - episode.from_time) <= _WEEK and time < episode.to_time]
    start = near[-1] if near else episode.from_time
    near = [time for time in downs if abs(time - episode.to_time) <= _WEEK and time > start]
    end = near[-1] if near else episode.to_time if episode.is_over else to_time
    return start, end if end < to_time else None


def _mostly(page: Page, filters: Filters, failed: int) -> str:
    codes = ask(page, MetricName.CODES_BY_PRODUCT, filters)
    top = None if codes.empty else codes.iloc[0]
    if top is None or str(top["code"]).startswith("(") or 2 * top["tasks"] < failed:
        return ""
    return f"; mostly {top['code']} ({top['tasks']:,} of {failed:,} failed tasks)"
