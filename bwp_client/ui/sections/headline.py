"""The headline of the overview, the sentences of the trends page, and the four figures of the failure rates page."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.comparison import NOT_COMPARED, verdict
from bwp_client.metrics.headline import rate_sentence
from bwp_client.metrics.wording import day, interval, percent, points
from bwp_client.ui.components import brief_of
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections import narrative, today
from bwp_client.ui.sections.data_extent import not_compared
from bwp_client.ui.sections.unrated import unrated_failures


def draw_headline(page: PageContext, comparison: dict[Hashable, Any]) -> None:
    """Draw the headline, and the same as text to copy, with the open failures.

    Args:
        page: The page.
        comparison: The page's `period_comparison` row.
    """
    text = page.cached("headline", lambda: narrative.headline_of(page, comparison))
    st.subheader(plain(text), anchor=False)
    menu = st.popover(
        "Copy", icon=":material/content_copy:", key="copy", on_change="rerun",
        help="The headline and the open failures as text.",
    )  # fmt: skip
    if menu.open:
        days = f"{day(page.filters.from_time)} to {day(page.last_day)}"
        menu.code(
            f"{text} ({days}, {page.as_of})\n{today.open_failures_sentence(page)}", language=None, wrap_lines=True
        )


def draw_sentences(page: PageContext, comparison: dict[Hashable, Any]) -> None:
    """Draw the computed sentences: the headline, the product that stood out, the codes to watch, and the newest week.

    Args:
        page: The page.
        comparison: The page's `period_comparison` row.
    """
    filters, episode = page.filters, page.cached("episode", lambda: narrative.episode_sentence(page))
    rate = rate_sentence(
        comparison,
        filters.task_kind,
        unrated=unrated_failures(page),
        not_compared=not_compared(page),
        codes=filters.codes or (),
    )
    sentences = [
        rate if episode else page.cached("headline", lambda: narrative.headline_of(page, comparison)),
        episode,
        page.cached("watched codes", lambda: narrative.watched_codes_sentence(page)),
        page.cached("newest week", lambda: narrative.newest_week_sentence(page)),
        today.open_failures_sentence(page),
    ]
    with st.container(border=True):
        st.text("\n".join(filter(None, sentences)))


def draw_key_figures(page: PageContext, comparison: dict[Hashable, Any]) -> None:
    """Draw failure rate, failed tasks, completed tasks and known reasons; arguments as for `draw_sentences`."""
    row, unrated = comparison, unrated_failures(page)
    with st.container(horizontal=True):
        _draw_rate(page, row, has_unrated=bool(unrated))
        _draw_counts(page, row, unrated, is_cut=not_compared(page) is not None)


def _draw_counts(page: PageContext, row: dict[Hashable, Any], unrated: int, *, is_cut: bool) -> None:
    failed_delta, failed_arrow = _change(row, "failed", is_cut=is_cut)
    completed_delta, completed_arrow = _change(row, "completed", is_cut=is_cut)
    st.metric(
        "Failed tasks", f"{row['failed'] + unrated:,}",
        f"{unrated:,} of them not rated" if unrated else failed_delta, delta_color="off", border=True,
        delta_arrow="off" if unrated else failed_arrow,
        help="Tasks that failed in this period. Those of products without completed tasks are not rated.",
    )  # fmt: skip
    st.metric(
        "Completed tasks", f"{row['completed']:,}", completed_delta, delta_color="off", border=True,
        delta_arrow=completed_arrow,
        help="Tasks that completed in this period.",
    )  # fmt: skip
    coverage = page.metric_row(MetricName.COVERAGE)
    st.metric(
        "Reasons known", percent(coverage["coverage"], 0) if coverage["failed"] else "–",
        f"{coverage['found']:,} of {coverage['failed']:,}", delta_color="off", delta_arrow="off", border=True,
        help=brief_of(MetricName.COVERAGE)
        + " Products that are not rated are included; a choice of error codes does not narrow it.",
    )  # fmt: skip


def _change(row: dict[Hashable, Any], name: str, *, is_cut: bool) -> tuple[str, Literal["auto", "off"]]:
    """Return the change of a count against the period before as text, and how its arrow points."""
    change = row[name] - row[f"previous_{name}"]
    if is_cut:
        return NOT_COMPARED, "off"
    return f"{change:+,} vs. before", "auto" if change else "off"


def _explanation(page: PageContext, row: dict[Hashable, Any]) -> str:
    counts = f"{brief_of(MetricName.FAILURE_RATE)} {row['failed']:,} of {row['n']:,}"
    if page.filters.codes:
        counts = f"{counts}, other failures among them"
    return counts + (f"; likely range {interval(row['low'], row['high'])}." if pd.notna(row["rate"]) else ".")


def _draw_rate(page: PageContext, row: dict[Hashable, Any], *, has_unrated: bool) -> None:
    missing = "not rated" if has_unrated and not row["n"] else "too few"
    value = percent(row["rate"]) if pd.notna(row["rate"]) else missing
    change = verdict(row)
    is_compared = pd.notna(row["difference"])
    st.metric(
        "Failure rate",
        value,
        f"{points(row['difference'])}, {'not clear' if change == 'no clear change' else change}"
        if is_compared
        else f"{row['failed']:,} of {row['n']:,}",
        delta_arrow="auto" if is_compared else "off",
        delta_color="inverse" if change in {"higher", "lower"} else "off",
        help=_explanation(page, row),
        border=True,
    )
