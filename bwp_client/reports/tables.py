"""The tables of a report: for each table its computation, its section, and the columns that the page shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from bwp_client.metrics import METRICS, MetricName
from bwp_client.metrics.attribution import change_search_period
from bwp_client.metrics.comparison import products_not_compared, verdict
from bwp_client.metrics.completeness import last_heard
from bwp_client.metrics.queries import no_denominator
from bwp_client.metrics.worklist import by_deadline
from bwp_client.reports.context import ReportContext

MAX_ROWS = 60
_LAST = "task_id"
"""Orders the tasks of a day in the files, as in those that earlier versions published: they are compared byte by byte."""
DAYS_LEFT = (
    ("over", -1_000_000, -1), ("0 to 3 days", 0, 3), ("4 to 7 days", 4, 7), ("8 to 14 days", 8, 14),
    ("15 days and more", 15, 1_000_000),
)  # fmt: skip


class Section(StrEnum):
    """The sections of the page, in their order."""

    HOW_BAD = "How often tasks fail"
    WHERE = "Where they fail"
    WHY = "Why they fail"
    CHANGED = "What changed"
    OPEN = "What is still open"
    YEARLY = "Yearly disclosure"
    TRUST = "Can this be trusted?"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of a report; its rows are also published as CSV and Parquet under its name."""

    name: str
    section: Section
    title: str
    key: tuple[str, ...]
    """The columns that identify a row when two reports are compared; empty for a table with a single row."""
    columns: tuple[str, ...]
    """The columns that the page shows; the files hold every column."""
    compute: Callable[[ReportContext], pd.DataFrame]
    when_empty: str = "None."
    meaning: MetricName | None = None
    """The metric whose definition the page prints."""
    is_wanted: Callable[[ReportContext], bool] = lambda _: True
    max_rows: int = MAX_ROWS
    arrange: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
    """Returns the rows in the order of the page; the files hold them in the order of `compute`."""


def _metric(
    name: MetricName,
    section: Section,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    title: str | None = None,
    compute: Callable[[ReportContext], pd.DataFrame] | None = None,
    **others: object,
) -> ReportTable:
    return ReportTable(
        name.value,
        section,
        title or METRICS[name].title,
        key,
        columns,
        compute or (lambda context: context.metric(name)),
        meaning=name,
        **others,  # type: ignore[arg-type]
    )


def _by_product(context: ReportContext) -> pd.DataFrame:
    """Return `comparison_by_product` with the verdict of each row (`compared`, text), in a fixed order of columns."""
    table = context.metric(MetricName.COMPARISON_BY_PRODUCT)
    products = table.pop("business_product_id").astype("str")  # so that the type is text also in a frame without rows
    cut = products_not_compared(context.data, context.filters)
    compared = [
        verdict(row, is_cut=product in cut) for row, product in zip(table.to_dict("records"), products, strict=True)
    ]
    return table.assign(business_product_id=products, compared=compared)


def _contributors(part: str) -> Callable[[ReportContext], pd.DataFrame]:
    """Return a function that computes the rows of `contributors` for one part: `product` or `code_set`."""

    def compute(context: ReportContext) -> pd.DataFrame:
        frame = context.metric(MetricName.CONTRIBUTORS)
        return frame[frame["part"] == part].reset_index(drop=True)

    return compute


def _whole_period(context: ReportContext) -> pd.DataFrame:
    """Return the rows of `time_to_outcome` for the whole period, which have no `period_start`."""
    frame = context.metric(MetricName.TIME_TO_OUTCOME)
    return frame[frame["period_start"].isna()].reset_index(drop=True)


def _open(context: ReportContext) -> pd.DataFrame:
    """Return the rows of `open_failures` for tasks that failed before the end of the period and are still open."""
    frame = context.metric(MetricName.OPEN_FAILURES, context.filters_from_first_event)
    return by_deadline(frame[frame["state"] == "open"].reset_index(drop=True), _LAST)


def _waiting(context: ReportContext) -> pd.DataFrame:
    """Return the rows of `waiting`."""
    return by_deadline(context.metric(MetricName.WAITING), _LAST)


def _by_deadline(context: ReportContext) -> pd.DataFrame:
    """Return the number of open failures (`open_failures`, int64) by days left to the deadline (`days_left`, text)."""
    days = _open(context)["days_left"]
    rows = [(name, int(days.between(first, last).fillna(value=False).sum())) for name, first, last in DAYS_LEFT]
    rows.append(("not known", int(days.isna().sum())))
    return pd.DataFrame(rows, columns=["days_left", "open_failures"])


def _last_heard(context: ReportContext) -> pd.DataFrame:
    """Return the rows of `last_heard` for the products of the report; the input rows hold single tasks of others."""
    frame, products = last_heard(context.snapshot), context.spec.business_products
    return frame if products is None else frame[frame["business_product_id"].isin(products)].reset_index(drop=True)


TABLES: tuple[ReportTable, ...] = (
    _metric(MetricName.FAILURE_RATE, Section.HOW_BAD, ("period_start",),
            ("period_start", "failed", "completed", "n", "rate", "partial")),
    _metric(MetricName.PERIOD_COMPARISON, Section.HOW_BAD, (),
            ("failed", "n", "rate", "previous_failed", "previous_n", "previous_rate", "difference")),
    ReportTable("by_product", Section.WHERE, "By business product", ("business_product_id",),
                ("business_product_id", "failed", "n", "rate", "previous_rate", "compared"), _by_product,
                when_empty="No task of a rated product ended in this period or the period before."),
    ReportTable("not_rated", Section.WHERE, "Not rated: not one COMPLETED event was ever loaded",
                ("business_product_id",), ("business_product_id", "failed"),
                lambda context: no_denominator(context.snapshot, context.filters)),
    _metric(MetricName.ERROR_CODES, Section.WHY, ("code",),
            ("code", "state", "tasks", "tasks_before", "share", "action"),
            when_empty="No task of this kind failed in this period."),
    _metric(MetricName.ERROR_CODES_OVER_TIME, Section.WHY, ("period_start", "code"), ()),
    _metric(MetricName.CODE_SETS, Section.WHY, ("code_set",), ("code_set", "tasks", "tasks_before", "share"),
            max_rows=15, when_empty="No task of this kind failed in this period."),
    _metric(MetricName.TIME_TO_OUTCOME, Section.WHY, ("outcome",),
            ("outcome", "tasks", "median_seconds", "p90_seconds", "p99_seconds"), compute=_whole_period,
            when_empty="No looked-up task has both a submission and an outcome."),
    _metric(MetricName.CONTRIBUTORS, Section.CHANGED, ("business_product_id",),
            ("business_product_id", "failed", "n", "previous_failed", "previous_n", "mix_effect", "rate_effect",
             "contribution"), compute=_contributors("product"), max_rows=15),
    ReportTable("contributors_by_code", Section.CHANGED, "What changed, by error codes", ("code_set",),
                ("code_set", "failed", "previous_failed", "contribution"), _contributors("code_set"), max_rows=15),
    _metric(MetricName.CHANGE_POINTS, Section.CHANGED, ("changed_at",),
            ("changed_at", "direction", "earliest", "latest", "before_rate", "before_n", "after_rate", "after_n"),
            title="Days on which the rate changed",
            compute=lambda context: context.metric(MetricName.CHANGE_POINTS, change_search_period(context.filters)),
            when_empty="None in this period, the period before and the weeks around them."),
    ReportTable("open_by_deadline", Section.OPEN, "Open failures by days left", ("days_left",),
                ("days_left", "open_failures"), _by_deadline),
    _metric(MetricName.OPEN_FAILURES, Section.OPEN, ("task_id",),
            ("task_id", "deadline", "days_left", "exact", "code", "business_product_id"), compute=_open,
            title="Open failures, nearest deadline first", max_rows=25,
            arrange=lambda rows: by_deadline(rows, "business_product_id", "failed_at", _LAST)),
    _metric(MetricName.WAITING, Section.OPEN, ("task_id",),
            ("task_id", "deadline", "days_left", "business_product_id", "received_at", "status"), compute=_waiting,
            arrange=lambda rows: by_deadline(rows, "business_product_id", "received_at", _LAST)),
    _metric(MetricName.DISCLOSURE, Section.YEARLY, (),
            ("received", "listed", "completed", "failed", "timed", "median_days", "mean_days"),
            is_wanted=lambda context: context.spec.period.is_year),
    _metric(MetricName.COVERAGE, Section.TRUST, (),
            ("failed", "found", "not_asked", "pending", "not_found", "denied", "lookup_failed", "coverage")),
    ReportTable("last_heard", Section.TRUST, "When each product was last heard of",
                ("business_product_id", "task_kind"),
                ("business_product_id", "task_kind", "failed", "completed", "last_failed_at", "last_completed_at"),
                _last_heard),
    _metric(MetricName.LOOKUP_STATES, Section.TRUST, ("business_product_id", "lookup_state", "reason"),
            ("business_product_id", "lookup_state", "reason", "tasks", "share")),
    _metric(MetricName.GAPS, Section.TRUST, ("first_day",), ("first_day", "last_day", "days", "expected"),
            title="Days without any event where some were expected"),
)  # fmt: skip
