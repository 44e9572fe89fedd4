"""The choice of the failure rates to lay over each other: two periods, business products, or error codes.

The choice is in the page's address, products by their IDs. What a link names and the data don't know is named, and nothing
is shown in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any, Final

import streamlit as st
from dateutil.relativedelta import relativedelta

from bwp_client.ids import normal_id
from bwp_client.metrics import Filters, MetricName
from bwp_client.metrics.compared_rates import other_period, overlap
from bwp_client.metrics.extent_wording import why_not_compared
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import day, moment, period_length
from bwp_client.ui import page_address
from bwp_client.ui.address_fields import draw_option, unknown_options
from bwp_client.ui.filters import all_codes
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.page_address import FIRST_YEAR, LAST_YEAR, day_of
from bwp_client.ui.sections.data_extent import extent_of_page
from bwp_client.warehouse.snapshot import NOT_LOOKED_UP, UNCODED

COMPARE: Final = "compare"
AGAINST, FIRST_DAY = "against", "against_from"
PRODUCTS, CODES = "compare_product", "compare_code"
"""The parameters of the address, which are the keys of the widgets."""
PERIODS, OF_PRODUCTS, OF_CODES = "periods", "products", "codes"
LABELS: Final = {PERIODS: "Two periods", OF_PRODUCTS: "Business products", OF_CODES: "Error codes"}
FEWEST, MOST, USUAL = 2, 6, 3
"""The numbers of products or codes: the fewest, the most, and those that are chosen until the visitor chooses."""
_MAX_LENGTH: Final = 100
_WARNING: Final = "{} The link asks for it; nothing else is shown in its place."


@dataclass(frozen=True, slots=True)
class Compared:
    """A period, a product or an error code that was chosen.

    Attributes:
        name: Its name in the chart.
        where: Its name in a sentence, after its rate.
        filters: The filters that select its tasks.
        not_compared: The reason why it is not compared with the first.
    """

    name: str
    where: str
    filters: Filters
    not_compared: str | None = None


def draw_kind(page: PageContext) -> str | None:
    """Draw what can be compared, and return the choice, None for a link to something else.

    The usual products or codes come into the address with the choice.
    """
    usual = {PRODUCTS: partial(_usual_products, page), CODES: partial(_usual_codes, page)}
    of_kind = {OF_PRODUCTS: PRODUCTS, OF_CODES: CODES}

    def write() -> None:
        chosen = st.session_state[COMPARE]
        several = of_kind.get(chosen)
        page_address.write(
            dict.fromkeys((COMPARE, AGAINST, FIRST_DAY, PRODUCTS, CODES), ())
            | {COMPARE: [chosen] if chosen != PERIODS else []}
            | ({several: usual[several]()} if several else {})
        )

    unknown = _warn_unknown(COMPARE, list(LABELS))
    page_address.follow(COMPARE, lambda found: _option(found, list(LABELS)))
    chosen = st.radio(
        "Compare", list(LABELS), key=COMPARE, on_change=write, format_func=LABELS.__getitem__, horizontal=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return None if unknown else str(chosen)


def draw_choice(page: PageContext, kind: str) -> list[Compared]:
    """Draw the choice of periods, products or codes, and return the chosen ones, fewer than two where none are compared."""
    if kind == PERIODS:
        return _draw_periods(page)
    if kind == OF_PRODUCTS:
        options = page.cached("products to compare", lambda: _rated_products(page))
        found = _draw_several(
            "Business products to compare", options, key=PRODUCTS, usual=lambda: _usual_products(page),
            read=normal_id, format_func=page.names,
        )  # fmt: skip
        return [
            Compared(page.names(item), f"at {page.names(item)}", page.filters.with_(business_products=(item,)))
            for item in found
        ]
    found = _draw_several(
        "Error codes to compare", all_codes(page.snapshot), key=CODES, usual=lambda: _usual_codes(page)
    )
    return [Compared(item, f"with {item}", page.filters.with_(codes=(item,))) for item in found]


def _draw_periods(page: PageContext) -> list[Compared]:
    """Draw the choice of the period to compare with; return no period where the link names none that is known."""
    filters = page.filters
    length = period_length(filters.to_time - filters.from_time)
    names = {"before": f"The {length} before", "year": "The same days a year before", "day": "Another first day"}
    unknown = _warn_unknown(AGAINST, list(names))
    against = draw_option(
        st.radio, "Compare with", list(names), key=AGAINST, format_func=names.__getitem__, horizontal=True
    )
    if against == "day":
        first = _draw_first_day(max(filters.before_time.date(), date(FIRST_YEAR, 1, 1)))
        name, where = ("", "") if first is None else (f"From {day(first)}", f"in the {length} from {day(first)}")
    elif against == "year":
        first = filters.from_time.date() - relativedelta(years=1)
        name, where = "A year before", "in the same days a year before"
    else:
        first, name, where = filters.before_time.date(), "Period before", f"in the {length} before"
    if unknown or first is None:
        return []
    other = other_period(filters, datetime.combine(first, time(), UTC))
    return [
        Compared("This period", "in this period", filters),
        Compared(name, where, other, _why_not_compared(page, other)),
    ]


def _draw_first_day(default: date) -> date | None:
    """Draw the field of the first day; None while it is empty, or where the link names no day."""

    def write() -> None:
        chosen = st.session_state[FIRST_DAY]
        page_address.write({FIRST_DAY: [chosen.isoformat()] if isinstance(chosen, date) else []})

    page_address.follow(FIRST_DAY, lambda found: (day_of(found[-1]) if found else None) or default)
    strange = [text for text in page_address.values(FIRST_DAY) if day_of(text) is None]
    for text in strange:
        sentence = f"{_shown(text)} is no day from {FIRST_YEAR} to {LAST_YEAR}: write it as {default.isoformat()}."
        st.warning(_WARNING.format(sentence))
    chosen = st.date_input(
        "First day of the other period (UTC)", key=FIRST_DAY, on_change=write, min_value=date(FIRST_YEAR, 1, 1),
        max_value=date(LAST_YEAR, 12, 31), width=240,
    )  # fmt: skip
    return chosen if isinstance(chosen, date) and not strange else None


def _why_not_compared(page: PageContext, other: Filters) -> str | None:
    """Return the reason why this period is not compared with another."""
    if reason := overlap(page.filters, other):
        return reason
    extent = extent_of_page(page, other)
    is_before = other.to_time == page.filters.from_time  # then it ends where this one begins, and lacks no end
    if extent.begins_at is None and extent.ends_at is not None and (extent.has_none or not is_before):
        return f"the data end on {moment(extent.ends_at)} UTC"
    return why_not_compared(extent)


def _draw_several(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    usual: Callable[[], list[str]],
    read: Callable[[str], str] = str,
    **of_widget: Any,
) -> list[str]:
    """Draw a choice of several options, and return the chosen ones that are known.

    Args:
        label: The widget's label.
        options: The known values.
        key: The widget's key and the parameter's name.
        usual: Returns the values that are chosen while the address has none.
        read: Returns the value that a text of the address means.
        of_widget: Further arguments of the widget.
    """
    found = list(dict.fromkeys(map(read, page_address.values(key))))
    known = [value for value in found if value in options]
    for value in found:
        if value not in options:
            st.warning(
                _WARNING.format(f"{_shown(value)} is not among the {label.split(' to ', maxsplit=1)[0].casefold()}.")
            )
    if len(known) > MOST:
        st.warning(f"The link names {len(known):,} of the {label.casefold()}; the first {MOST} are shown.")
    page_address.follow(key, lambda texts: known[:MOST] if texts else usual())
    st.session_state[key] = [value for value in st.session_state[key] if value in options]
    chosen = st.multiselect(
        f"{label} ({FEWEST} to {MOST})", options, key=key, max_selections=MOST,
        on_change=lambda: page_address.write({key: st.session_state[key]}), **of_widget,
    )  # fmt: skip
    page_address.note_shown(key, chosen)
    return list(chosen)


def _rated_products(page: PageContext) -> list[str]:
    """Return the products that have a rate, whatever products the sidebar has."""
    return rated_products(page.snapshot, page.filters.with_(business_products=None))


def _usual_products(page: PageContext) -> list[str]:
    """Return the products of the sidebar, or those with most failed tasks."""
    every = page.filters.with_(business_products=None)
    rows = page.metric(MetricName.COMPARISON_BY_PRODUCT, every)
    rated = [str(product) for product in rows["business_product_id"]]
    chosen = [product for product in page.filters.business_products or () if product in rated]
    return chosen[:MOST] if len(chosen) >= FEWEST else rated[:USUAL]


def _usual_codes(page: PageContext) -> list[str]:
    """Return the error codes of the sidebar, or those with most failed tasks."""
    chosen = [code for code in page.filters.codes or () if code in all_codes(page.snapshot)]
    if len(chosen) >= FEWEST:
        return chosen[:MOST]
    rows = page.metric(MetricName.ERROR_CODES, page.filters.with_(codes=None))
    named = rows[(rows["tasks"] > 0) & ~rows["code"].isin([NOT_LOOKED_UP, UNCODED])]
    return [str(code) for code in named["code"].head(USUAL)]


def _warn_unknown(key: str, options: Sequence[str]) -> list[str]:
    """Draw a warning for each value of the address that is no option, and return these values."""
    unknown = unknown_options(key, options)
    for text in unknown:
        st.warning(_WARNING.format(f"{_shown(text)} is nothing that can be compared: there are {', '.join(options)}."))
    return unknown


def _option(found: list[str], options: list[str]) -> str:
    return next((option for option in options if found and option.casefold() == found[-1].casefold()), options[0])


def _shown(text: str) -> str:
    return f"“{plain(text[:_MAX_LENGTH])}”"
