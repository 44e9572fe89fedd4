"""How far the data cover the chosen period and the period before, as notices and for other sections."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

import streamlit as st

from bwp_client.metrics import Filters
from bwp_client.metrics.comparison import products_not_compared
from bwp_client.metrics.extent import Extent, SelectedData
from bwp_client.metrics.extent_wording import missing_data, product_limits, sentence, why_not_compared
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(weeks=1)


def draw_missing_data(page: PageContext) -> None:
    """Draw a warning for data that are missing in the chosen period, and captions for what `draw_small_limits` draws."""
    draw_warnings(page)
    draw_small_limits(page)


def draw_warnings(page: PageContext) -> None:
    """Draw a warning for data that are missing in the chosen period."""
    extent = extent_of_page(page)
    if not _is_minor(extent, page.filters):
        for text in map(sentence, missing_data(extent)):
            st.warning(text, icon="⚠️")


def draw_small_limits(page: PageContext) -> None:
    """Draw captions for a period that is still running or lacks less than a day at an end, and for single products."""
    extent = extent_of_page(page)
    if _is_minor(extent, page.filters):
        for text in map(sentence, missing_data(extent)):
            st.caption(text)
    for text in product_limits(extent, page.names):
        st.caption(plain(text))


def _is_minor(extent: Extent, filters: Filters) -> bool:
    if extent.has_none:
        return False
    before = timedelta(0) if extent.begins_at is None else extent.begins_at - filters.from_time
    after = timedelta(0) if extent.ends_at is None or extent.is_running else filters.to_time - extent.ends_at
    return before < _DAY and after < _DAY


def extent_of_page(page: PageContext, filters: Filters | None = None) -> Extent:
    """Return how far the data cover the period of the filters; by default those of the page."""
    chosen = filters or page.filters
    return page.cached(("extent", chosen), lambda: _selected(page, chosen).extent(chosen.from_time, chosen.to_time))


def not_compared(page: PageContext, filters: Filters | None = None) -> str | None:
    """Return a clause with the reason why nothing is compared with the period before; None if it is compared."""
    return why_not_compared(extent_of_page(page, (filters or page.filters).period_before()))


def uncompared_products(page: PageContext) -> frozenset[str]:
    """Return the business products that are not compared with the period before, because their data begin later."""
    return page.cached(
        "products not compared", lambda: products_not_compared(_selected(page, page.filters), page.filters)
    )


def whole_weeks(page: PageContext, count: int) -> list[datetime]:
    """Return the beginnings of the newest weeks, at most `count`, that end with the period or before and lack no data."""
    data = _selected(page, page.filters)
    end = min(page.filters.to_time, data.run_finished_at, data.limits.reaches_to or page.filters.to_time)
    monday = datetime.combine(end.date() - timedelta(days=end.weekday()), time(), UTC)
    weeks = [monday - number * _WEEK for number in range(count, 0, -1)]
    return [start for start in weeks if data.extent_of_all(start, start + _WEEK).is_whole]


def _selected(page: PageContext, filters: Filters) -> SelectedData:
    return SelectedData.of(page.snapshot, filters)
