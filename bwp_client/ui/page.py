"""The frame of every page: the context that a page draws from, its title, the data's freshness and the active filters.

The main script calls `prepare` once per run, before the page; a page file calls `open_page` first.

In every module of this package, functions named `draw_…` write Streamlit elements, and all others compute. The exceptions are
`prepare`, `open_page`, `login.admit` and `start_job`: each draws a message when it can't continue.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import pandas as pd
import pyarrow as pa
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from bwp_client.errors import BwpError
from bwp_client.metrics import Bucket, Filters, MetricName
from bwp_client.metrics.filters import whole_days
from bwp_client.metrics.guidance import GuidanceTable, read_guidance
from bwp_client.metrics.wording import counted, days, minute, short_day
from bwp_client.settings import Settings
from bwp_client.ui import data, page_address
from bwp_client.ui.data import ProductNames, current_snapshot, product_names_of, to_arrow, version_key
from bwp_client.ui.filters import (
    FILTER_KEYS,
    NARROWING,
    Choice,
    draw_sidebar,
    fixed_parameters,
    misnamed_filters,
    show_all,
)
from bwp_client.ui.first_run import draw_no_data, draw_sample_banner
from bwp_client.ui.job_progress import draw_job_progress
from bwp_client.ui.markdown import readable
from bwp_client.ui.sharing import draw_share_menu, forget_tables
from bwp_client.ui.viewer_zone import ZONE
from bwp_client.warehouse.snapshot import Snapshot

GO_TO: Final = "go_to"
"""Session key of the page to open next, as (page, query parameters). Callbacks write it, because they can't switch pages."""
TASKS_PAGE: Final = "../../pages/tasks.py"
ERROR_CODES_PAGE: Final = "../../pages/error_codes.py"
APP_NAME: Final = "Data deletion failures"
_CONTEXT: Final = "page"
_WARNINGS: Final = "warnings_of_address"
"""Session key of the warnings about the address, for the head of the page."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageContext:
    """The data, filters and settings that a page draws from."""

    settings: Settings
    snapshot: Snapshot
    names: ProductNames
    choice: Choice
    guidance: GuidanceTable
    cache_key: str
    """The page's filters, and the settings that change its text; part of the key of every result cached for the page."""

    @property
    def filters(self) -> Filters:
        """The filters chosen in the sidebar."""
        return self.choice.filters

    @property
    def bucket(self) -> Bucket:
        """The length of the time buckets: hour, day, week or month."""
        return self.choice.bucket

    @property
    def filters_of_all_data(self) -> Filters:
        """The page's filters over the whole span of the data instead of the chosen period."""
        span = self.snapshot.span()
        if span is None:
            return self.filters
        from_time, to_time = whole_days(span[0].date(), span[1].date())
        return self.filters.with_(from_time=from_time, to_time=to_time)

    @property
    def last_day(self) -> date:
        """The last day of the chosen period."""
        return (self.filters.to_time - timedelta(microseconds=1)).date()

    @property
    def as_of(self) -> str:
        """The end of the newest run, as `as of 3 Nov 2026 09:00 UTC`."""
        return f"as of {minute(self.snapshot.run.finished_at)}"

    def with_code(self, code: str) -> PageContext:
        """Return the context of the failed tasks with one error code; the other filters stay."""
        choice = replace(self.choice, filters=self.filters.with_(codes=(code,)))
        return replace(self, choice=choice, cache_key=f"{self.cache_key} with code {code}")

    def metric(self, name: MetricName, filters: Filters | None = None, bucket: Bucket | None = None) -> pd.DataFrame:
        """Compute a metric, with the page's filters and bucket unless others are given; the frame must not be changed."""
        return data.metric(
            self.snapshot, name, filters or self.filters, bucket=bucket or self.bucket, min_n=self.settings.min_n,
            guidance=self.guidance,
        )  # fmt: skip

    def metric_row(self, name: MetricName, filters: Filters | None = None) -> dict[Hashable, Any]:
        """Compute a metric that has one row, with the page's filters unless others are given; the row must not be changed."""
        return data.metric_row(self.snapshot, name, filters or self.filters, min_n=self.settings.min_n)

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return a result of the page's data, filters and settings, computing it at the first call only.

        Args:
            key: Distinguishes the result from the page's other results.
            make: Computes the result, which is shared by all visitors and must not be changed.
        """
        return data.cached(self.snapshot, (self.cache_key, key), make)

    def cached_table(self, key: Hashable, make: Callable[[], pd.DataFrame]) -> pa.Table:
        """Return the rows of a table as Streamlit sends them, converted from pandas at the first call only.

        Args:
            key: Distinguishes the table from the page's other results.
            make: Computes the rows; an index with a name becomes a column.
        """
        return self.cached(key, lambda: to_arrow(make()))


def clear() -> None:
    """Remove the context of the last run, so that a page shows nothing until it is prepared again."""
    st.session_state.pop(_CONTEXT, None)
    st.session_state.pop(_WARNINGS, None)


def prepare(settings: Settings, draw_without_data: Callable[[], None]) -> None:
    """Read data and filters for this run; without data, draw the error or the next step and stop the run.

    Without a choice of filters that the data know, there is no context, and `open_page` draws the warnings.

    Args:
        settings: The settings of this run.
        draw_without_data: Draws what the page shows even without data, below the error or the next step.
    """
    clear()
    if GO_TO in st.session_state:
        target, query = st.session_state.pop(GO_TO)
        st.switch_page(target, query_params=parameters_with(query))
    try:
        guidance = read_guidance(settings.error_codes_file)
        snapshot = current_snapshot(settings)
    except BwpError as error:
        st.title("Nothing can be shown")
        st.error("The data or the file of error codes can't be read.")
        st.text(str(error))
        draw_without_data()
        st.stop()
    draw_job_progress(settings, version_key(settings))
    if settings.is_sample:
        draw_sample_banner()
    if snapshot is None:
        draw_no_data(settings)
        draw_without_data()
        st.stop()
    names = product_names_of(snapshot, settings)
    choice, st.session_state[_WARNINGS] = draw_sidebar(snapshot, names, min_n=settings.min_n)
    if choice is None:
        return
    cache_key = f"{choice!r} {settings.min_n} {settings.product_names} {settings.error_codes_file}"
    st.session_state[_CONTEXT] = PageContext(settings, snapshot, names, choice, guidance, cache_key)


def draw_navigation(pages: Iterable[StreamlitPage]) -> None:
    """Draw links to the pages in the sidebar; they carry the filters, so that a page opens with its whole address."""
    with st.sidebar:
        parameters = parameters_with({})
        for target in pages:
            st.page_link(target, query_params=parameters)


def parameters_with(own: Mapping[str, Iterable[str]]) -> dict[str, Iterable[str]]:
    """Return the parameters of a link to another page: the filters and the zone of this one, and the other page's own."""
    return {**page_address.carried((*FILTER_KEYS, ZONE)), **own}


def open_page(
    title: str,
    narrowing_of: Callable[[PageContext], Mapping[str, str]] = lambda _: {},
    *,
    is_about_period: bool = False,
) -> PageContext:
    """Draw the head of a page and return the page's context; a page without a context is stopped.

    That is a page that was run without the main script, or whose address asks for nothing that the data know.

    Args:
        title: Drawn with the freshness of the data and the active filters.
        narrowing_of: Returns what else narrows this page, as the parameter of the address and a text.
        is_about_period: Whether the chosen days are drawn on paper and on a phone, which show no sidebar.
    """
    page, warnings = st.session_state.get(_CONTEXT), st.session_state.get(_WARNINGS, [])
    if not isinstance(page, PageContext) and not warnings:
        st.error("Open the app at its main address.")
        st.stop()
    name_tab(title)
    forget_tables()
    shown = page_address.begin_page(title)
    st.title(title, anchor=False)
    for text in warnings:
        st.warning(text)
    if not isinstance(page, PageContext):
        st.button("Show all", on_click=show_all, args=((*FILTER_KEYS, *misnamed_filters()),), key="show_all")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="center", key="page_head"):
        st.caption(
            f":gray[{_period(page)} ·] {_freshness(page.snapshot)}" if is_about_period else _freshness(page.snapshot),
            help=f"Updated {time_since(page.snapshot.run.finished_at)}. Times without a zone are UTC.",
        )
        narrowing = narrowing_of(page)
        link = partial(_link, page, shown)
        draw_share_menu(title, link, lambda: _about(title, page, narrowing) | {"Link": link()})
    _draw_active_filters(page, narrowing)
    return page


def name_tab(title: str) -> None:
    """Set the title of the browser's tab, by which bookmarks and the history name the page."""
    st.set_page_config(page_title=f"{title} · {APP_NAME}")


def _link(page: PageContext, shown: Mapping[str, list[str]]) -> str:
    """Return the page's address with fixed days and IDs, also of what it shows by default."""
    own = page_address.carried(key for key in st.query_params if key not in FILTER_KEYS)
    return page_address.link(fixed_parameters(page.choice) | dict(shown) | own)


def _about(title: str, page: PageContext, narrowing: Mapping[str, str]) -> dict[str, str]:
    """Return what a workbook says of the page that it was made from."""
    filters = page.filters
    return {
        "Page": title,
        "Period": f"{filters.from_time:%Y-%m-%d} to {page.last_day:%Y-%m-%d} UTC",
        "Tasks": filters.task_kind.value if filters.task_kind else "all kinds",
        "Only": ", ".join(_narrowing_texts(page, narrowing)) or "nothing is left out",
        "Data": page.as_of,
        "Times": "UTC",
    }


def _period(page: PageContext) -> str:
    return days(page.filters.from_time, page.last_day)


def _freshness(snapshot: Snapshot) -> str:
    newest = snapshot.limits.newest_event_at
    parts = [
        f"Data to {short_day(newest)} {newest:%H:%M} UTC" if newest else "No privacy events yet",
    ]
    if waiting := snapshot.events_not_yet_counted:
        parts.append(f"{counted(waiting, 'event')} not yet counted")
    return " · ".join(parts)


def time_since(time: datetime) -> str:
    """Return the time since a moment as text, such as `5 min ago`."""
    minutes = max(0, int((datetime.now(UTC) - time).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 60 * 48 else f"{minutes // 1440} days ago"


def _narrowing_texts(page: PageContext, narrowing: Mapping[str, str]) -> list[str]:
    """Return everything that narrows the page, as texts."""
    filters = page.filters
    return [
        *(() if page.choice.is_default_period else (_period(page),)),
        *(f"product {readable(page.names(product))}" for product in filters.business_products or ()),
        *(f"error code {readable(code)}" for code in filters.codes or ()),
        *(f"region {readable(region)}" for region in filters.regions or ()),
        *narrowing.values(),
    ]


def _draw_active_filters(page: PageContext, narrowing: Mapping[str, str]) -> None:
    """Draw everything that narrows the page, with a button that removes it; nothing where nothing does."""
    if chosen := _narrowing_texts(page, narrowing):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.text(f"Only {', '.join(chosen)}.")
            st.button("Show all", on_click=show_all, args=((*NARROWING, *narrowing),), key="show_all")
