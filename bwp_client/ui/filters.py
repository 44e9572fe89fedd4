"""The filters in the sidebar: the same on every page, and in the address under the names of the command line's options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final

import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.ids import normal_id
from bwp_client.metrics import MetricName
from bwp_client.metrics.filters import DEFAULT_DAYS, Bucket, Filters, whole_days
from bwp_client.metrics.queries import list_error_codes, list_products, list_regions
from bwp_client.ui import page_address
from bwp_client.ui.address_fields import draw_option, unknown_options
from bwp_client.ui.data import ProductNames, cached, metric_row
from bwp_client.ui.markdown import plain
from bwp_client.ui.page_address import FIRST_YEAR, LAST_YEAR, day_of
from bwp_client.ui.quick_periods import draw_quick_periods
from bwp_client.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Choice:
    """The filters and the time bucket chosen in the sidebar."""

    filters: Filters
    bucket: Bucket
    """The chosen bucket. With `auto`, the finest bucket with a readable number of points and, on average, enough outcomes to
    rate; the longest that the period holds twice where there is none."""
    is_default_period: bool
    """Whether the period is the one that a page without parameters shows."""


FILTER_KEYS: Final = ("kind", "from", "to", "product", "code", "region", "by")
"""The keys of the filters, which are the parameters of the address that every page has."""
NARROWING: Final = ("from", "to", "product", "code", "region")
"""Keys of the filters that can be removed; the task kind always applies."""
_OPTIONS: Final = {"business_product": "product", "task_kind": "kind"}
"""The keys of the filters whose option of the command line has another name."""
_FIELDS: Final = {"product": "business_products", "code": "codes", "region": "regions"}
"""The field of `Filters` that each of these keys fills."""
_AUTO: Final = "auto"
_MAX_LENGTH: Final = 100
"""Characters shown of a value that is not known."""
_BUCKET_DAYS: Final = {Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.MONTH: 30}
"""Length of a bucket in days, finest first."""
_MAX_DAYS_BY_DAY: Final = 92
_MAX_DAYS_BY_WEEK: Final = 750
_MAX_DAYS_BY_HOUR: Final = 62
"""The longest period grouped by hour; a longer period would have more points than a screen has pixel columns."""


def draw_sidebar(snapshot: Snapshot, names: ProductNames, *, min_n: int) -> tuple[Choice | None, list[str]]:
    """Draw the filters and return the choice; None if the address asks for nothing that the data know.

    That is an unknown period or task kind, or a filter with unknown values only.

    Args:
        snapshot: The data.
        names: The business products' names.
        min_n: Fewer outcomes than this are not rated.

    Returns:
        The choice, and a warning about each value of the address that the data don't know, for the head of the page.
    """
    unknown = [f"{_shown(name)} is not a filter: it is called {key}." for name, key in misnamed_filters().items()]
    kinds, buckets = [item.value for item in TaskKind], [_AUTO, *(item.value for item in Bucket)]
    with st.sidebar:
        # Radio buttons, because a segmented control's chosen option has too little contrast in the dark theme.
        kind = _draw_option(st.radio, "Task kind", kinds, unknown, key="kind", horizontal=True)
        default = _default_period(snapshot)
        start = _draw_day("First day (UTC)", default[0], unknown, key="from")
        end = _draw_day("Last day (UTC)", default[1], unknown, key="to")
        if isinstance(start, date) and isinstance(end, date):
            draw_quick_periods((start, end), _days_of_data(snapshot))
        is_known = not unknown
        narrowing = _draw_narrowing(snapshot, names, unknown)
        is_known = is_known and all(st.session_state.get(key) for key, field in _FIELDS.items() if narrowing[field])
        bucket = draw_option(st.selectbox, "Group by", buckets, key="by")
    warnings = [f"{text} The link asks for it; nothing else is shown in its place." for text in unknown]
    warnings += [
        f"Time can't be grouped by {_shown(text)}. Choose one of {', '.join(buckets)}. The link asks for it; "
        f"the page is grouped by “{bucket}” instead."
        for text in unknown_options("by", buckets)
    ]
    if not is_known:
        return None, warnings
    if not isinstance(start, date) or not isinstance(end, date) or end < start:
        return None, [*warnings, "The last day lies before the first. Choose a later last day in the sidebar."]
    from_time, to_time = whole_days(start, end)
    filters = Filters(from_time, to_time, TaskKind(kind), **narrowing)
    row = metric_row(snapshot, MetricName.PERIOD_COMPARISON, filters.with_(codes=None), min_n=min_n)
    bucket_of_period = choose_bucket(bucket, (to_time - from_time).days, row["n"], min_n)
    return Choice(filters, bucket_of_period, (start, end) == default), warnings


def misnamed_filters() -> dict[str, str]:
    """Return the parameters of the address that are filters but for their spelling, with the key of each filter.

    Such as `Product`, `products`, or `business-product`, as the option of the command line is called.
    """
    found = {}
    for name in st.query_params:
        word = name.casefold().replace("-", "_").removesuffix("s")
        key = _OPTIONS.get(word, word)
        if key in FILTER_KEYS and name not in FILTER_KEYS:
            found[name] = key
    return found


def fixed_parameters(choice: Choice) -> dict[str, list[str]]:
    """Return parameters of the address that show the same in a week, when the default period is another."""
    filters = choice.filters
    return {
        "kind": [filters.task_kind.value],
        "from": [filters.from_time.date().isoformat()],
        "to": [(filters.to_time - timedelta(days=1)).date().isoformat()],
        "product": list(filters.business_products or ()),
        "code": list(filters.codes or ()),
        "region": list(filters.regions or ()),
        "by": [choice.bucket.value],
    }


def show_all(keys: Iterable[str]) -> None:
    """Remove parameters from the address, and with them the choice that they stand for; a callback."""
    page_address.choose(dict.fromkeys(keys, ()))


def _default_period(snapshot: Snapshot) -> tuple[date, date]:
    """Return the first and the last of the last 28 days of the data."""
    first, last = _days_of_data(snapshot)
    return max(first, last - timedelta(days=DEFAULT_DAYS - 1)), last


def _days_of_data(snapshot: Snapshot) -> tuple[date, date]:
    span = snapshot.span()
    last = (snapshot.limits.newest_event_at or datetime.now(UTC)).date()
    return min(span[0].date(), last) if span else last, last


def _draw_option(
    draw: Callable[..., Any], label: str, options: list[str], unknown: list[str], *, key: str, **of_widget: Any
) -> str:
    unknown.extend(
        f"{_shown(text)} is not a {label.casefold()}. Choose one of {', '.join(options)}."
        for text in unknown_options(key, options)
    )
    return draw_option(draw, label, options, key=key, **of_widget)


def _draw_day(label: str, default: date, unknown: list[str], *, key: str) -> Any:
    """Draw a field for a day, and return the day; None while it is empty."""

    def write() -> None:
        chosen = st.session_state[key]
        page_address.write({key: [chosen.isoformat()] if isinstance(chosen, date) else []})

    page_address.follow(key, lambda found: (day_of(found[-1]) if found else None) or default)
    unknown.extend(
        f"{_shown(text)} is not a day between {FIRST_YEAR} and {LAST_YEAR}. Write a day as {default.isoformat()}."
        for text in page_address.values(key)
        if day_of(text) is None
    )
    return st.date_input(label, format="YYYY-MM-DD", key=key, on_change=write)


def _draw_narrowing(snapshot: Snapshot, names: ProductNames, unknown: list[str]) -> dict[str, tuple[str, ...] | None]:
    """Draw the choice of products, error codes and, if there are several, regions; return the fields of `Filters`."""
    products = all_products(snapshot)
    labels = Counter(map(names, products))
    ids = {names(product): product for product in products if labels[names(product)] == 1}
    chosen_products = _draw_several(
        "Business products", products, unknown, key="product", format_func=names,
        read=lambda text: ids.get(text) or normal_id(text),  # links of earlier releases hold names
    )  # fmt: skip
    codes = _draw_several(
        "Error codes", all_codes(snapshot), unknown, key="code",
        help="With codes chosen, the rate counts only the tasks that failed with one of them.",
    )  # fmt: skip
    regions = all_regions(snapshot)
    is_offered = len(regions) > 1 or page_address.values("region")
    chosen_regions = _draw_several("Regions", regions, unknown, key="region") if is_offered else ()
    return {
        "business_products": chosen_products or None,
        "codes": codes or None,
        "regions": chosen_regions or None,
    }


def _draw_several(
    label: str, options: list[str], unknown: list[str], *, key: str, read: Callable[[str], str] = str, **of_widget: Any
) -> tuple[str, ...]:
    """Draw a choice of several options, and return the chosen ones, with those of the address that are not known.

    Args:
        label: The widget's label.
        options: The known values.
        unknown: Gets a sentence about each value of the address that is not known.
        key: The widget's key.
        read: Returns the value that a text of the address means.
        of_widget: Further arguments of the widget.
    """
    found = list(dict.fromkeys(map(read, page_address.values(key))))
    page_address.follow(key, lambda _: [value for value in found if value in options])
    st.session_state[key] = [value for value in st.session_state[key] if value in options]
    chosen = st.multiselect(
        label, options, key=key, placeholder="All", on_change=partial(_write_several, key), **of_widget
    )
    strange = [value for value in found if value not in options]
    unknown.extend(f"{_shown(value)} is not among the {label.casefold()} of these data." for value in strange)
    return (*chosen, *strange)


def _write_several(key: str) -> None:
    page_address.write({key: st.session_state[key]})


def _shown(text: str) -> str:
    return f"“{plain(text[:_MAX_LENGTH])}”"


def choose_bucket(chosen: str, days: int, outcomes: int, min_n: int) -> Bucket:
    """Return the bucket to group time by.

    Args:
        chosen: A bucket's name, or `auto`.
        days: The period's length.
        outcomes: Failed and completed tasks in the period.
        min_n: Fewer outcomes than this are not rated.
    """
    if chosen != "auto":
        return Bucket.DAY if chosen == Bucket.HOUR and days > _MAX_DAYS_BY_HOUR else Bucket(chosen)
    readable = Bucket.DAY if days <= _MAX_DAYS_BY_DAY else Bucket.WEEK if days <= _MAX_DAYS_BY_WEEK else Bucket.MONTH
    longer = [
        bucket for bucket, length in _BUCKET_DAYS.items() if length >= _BUCKET_DAYS[readable] and 2 * length <= days
    ]
    rated = [bucket for bucket in longer if outcomes / days * _BUCKET_DAYS[bucket] >= min_n]
    if not rated and outcomes and longer:
        return longer[-1]
    return rated[0] if rated else readable


def all_products(snapshot: Snapshot) -> list[str]:
    """Return the IDs of all business products, the product with most tasks first."""
    return cached(snapshot, "products", lambda: list_products(snapshot))


def all_codes(snapshot: Snapshot) -> list[str]:
    """Return every error code, in the order in which they were first seen."""
    return cached(snapshot, "error codes", lambda: list_error_codes(snapshot))


def all_regions(snapshot: Snapshot) -> list[str]:
    """Return every region, in alphabetical order."""
    return cached(snapshot, "regions", lambda: list_regions(snapshot))
