"""What narrows the worklist beside the sidebar: the tasks of a mark that was clicked, or the chosen period.

The worklist itself has no period: it holds all that is open, whenever it failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.ids import normal_id
from bwp_client.metrics import Filters
from bwp_client.metrics.filters import whole_days
from bwp_client.metrics.wording import days
from bwp_client.ui import page_address
from bwp_client.ui.drill_down import DAYS_BETWEEN, OF_PRODUCT, ON, WITH_CODE
from bwp_client.ui.filters import all_codes, all_products
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.page_address import day_of
from bwp_client.ui.sections.worklist_rows import this_quarter_hour
from bwp_client.ui.viewer_zone import UTC_ZONE, chosen_zone

IN_PERIOD: Final = "in_period"
"""The parameter and key of the switch that keeps only the tasks that failed in the chosen period."""
_MAX_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The filters of the worklist.

    Attributes:
        filters: The filters of the sidebar without its period, narrowed by the address of the worklist.
        texts: What narrows it beside the sidebar: the parameter of the address, and a text.
        unknown: A sentence about each value of the address that the data don't know.
    """

    filters: Filters
    texts: Mapping[str, str]
    unknown: list[str]


def narrowing_texts(page: PageContext) -> Mapping[str, str]:
    """Return what narrows the worklist beside the sidebar, for the head of the page."""
    return read_narrowing(page).texts


def read_narrowing(page: PageContext) -> Narrowing:
    """Return the filters of the worklist."""
    data = page.filters_of_all_data
    filters = page.filters.with_(from_time=EARLIEST_EVENT, to_time=max(data.to_time, this_quarter_hour()))
    texts, unknown = {}, []
    is_in_period = _is_true(page_address.values(IN_PERIOD))
    if is_in_period is None:
        unknown.append(
            f"“{_shown(page_address.values(IN_PERIOD)[-1])}” is no value of {IN_PERIOD}: write true or false. "
            "The link asks for it."
        )
    if is_in_period:
        from_time, to_time = whole_days(page.filters.from_time, page.last_day, chosen_zone())
        filters = filters.with_(from_time=from_time, to_time=to_time)
    if found := page_address.values(ON):
        found_days = _days(found[-1])
        if found_days is None:
            unknown.append(f"“{_shown(found[-1])}” names no days. The link asks for it.")
        else:
            first, last = found_days
            filters = filters.with_(**dict(zip(("from_time", "to_time"), whole_days(first, last), strict=True)))
            # A mark of a chart stands for UTC days, so its tasks stay the same in every zone.
            texts[ON] = f"failed on {days(first, last)}{'' if chosen_zone() == UTC_ZONE else ' (UTC)'}"
    if found := page_address.values(WITH_CODE):
        filters, texts[WITH_CODE] = filters.with_(codes=(found[-1],)), f"error code {found[-1]}"
        if found[-1] not in all_codes(page.snapshot):
            unknown.append(
                f"No failed task has the error code “{_shown(found[-1])}” in these data. The link asks for it."
            )
    if found := page_address.values(OF_PRODUCT):
        product = normal_id(found[-1])
        filters, texts[OF_PRODUCT] = filters.with_(business_products=(product,)), f"product {page.names(product)}"
        if product not in all_products(page.snapshot):
            unknown.append(f"“{_shown(product)}” is not among the products of these data. The link asks for it.")
    return Narrowing(filters, texts, unknown)


def draw_period_switch(page: PageContext) -> None:
    """Draw the switch that keeps only the tasks that failed in the chosen period, whose days are those of the chosen zone.

    The days of a clicked mark take the place of the period; a sentence then stands in place of the switch.
    """
    if of_mark := read_narrowing(page).texts.get(ON):
        st.caption(
            f"The list holds the tasks that {of_mark}, whatever the period in the sidebar. “Show all” ends that."
        )
        return
    zone = chosen_zone()
    of_zone = "" if zone == UTC_ZONE else f" ({zone})"

    def write() -> None:
        page_address.write({IN_PERIOD: ["true"] if st.session_state[IN_PERIOD] else []})

    page_address.follow(IN_PERIOD, lambda found: bool(_is_true(found)))
    chosen_days = days(page.filters.from_time, page.last_day)
    st.toggle(f"Only those that failed from {chosen_days}{of_zone}", key=IN_PERIOD, on_change=write)


def _days(text: str) -> tuple[date, date] | None:
    """Return the first and the last day that a text such as `2026-11-09` or `2026-11-09..2026-11-15` names."""
    first, *others = map(day_of, text.split(DAYS_BETWEEN, 2))
    last = others[0] if others else first
    return (first, last) if first and last and len(others) <= 1 and first <= last else None


def _is_true(found: list[str]) -> bool | None:
    """Return what the newest of the values of a switch says, in any case; None for a text that is no value of it."""
    return {"true": True, "false": False}.get(found[-1].casefold()) if found else False


def _shown(text: str) -> str:
    return plain(text[:_MAX_LENGTH])
