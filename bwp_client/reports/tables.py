"""The tables of a report, one line each: what is asked, under which heading, and which columns a reader sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from bwp_client.metrics import METRICS, MetricName
from bwp_client.metrics.attribution import change_search_period
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.completeness import last_heard
from bwp_client.metrics.queries import no_denominator
from bwp_client.reports.context import ReportContext

MAX_ROWS = 60
DAYS_LEFT = (
    ("over", -1_000_000, -1), ("0 to 3 days", 0, 3), ("4 to 7 days", 4, 7), ("8 to 14 days", 8, 14),
    ("15 days and more", 15, 1_000_000),
)  # fmt: skip


class Section(StrEnum):
    """The headings, in their order."""

    HOW_BAD = "How often tasks fail"
    WHERE = "Where they fail"
    WHY = "Why they fail"
    CHANGED = "What changed"
    OPEN = "What is still open"
    YEARLY = "Yearly disclosure"
    TRUST = "Can this be trusted?"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One table, also written as CSV and Parquet under its name."""

    name: str
    section: Section
    title: str
    key: tuple[str, ...]
    """The columns that name a row, by which two reports are compared; none where there is one row."""
    columns: tuple[str, ...]
    """What a reader sees; the files hold every column."""
    ask: Callable[[ReportContext], pd.DataFrame]
    when_empty: str = "None."
    meaning: MetricName | None = None
    is_wanted: Callable[[ReportContext], bool] = lambda _: True
    max_rows: int = MAX_ROWS


def _metric(
    name: MetricName,
    section: Section,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    title: str | None = None,
    ask: Callable[[ReportContext], pd.DataFrame] | None = None,
    **others: object,
) -> ReportTable:
    return ReportTable(
        name.value,
        section,
        title or METRICS[name].title,
        key,
        columns,
        ask or (lambda context: context.metric(name)),
        meaning=name,
        **others,  # type: ignore[arg-type]
    )


def _by_product(context: ReportContext) -> pd.DataFrame:
    """Return `comparison_by_product` with the verdict of each row, in the order of columns that reports always had."""
    table = context.metric(MetricName.COMPARISON_BY_PRODUCT)
    products = table.pop("business_product_id").astype("str")  # also without a row
    compared = [verdict(row) for row in table.to_dict("records")]
    return table.assign(business_product_id=products, compared=compared)


def _contributors(part: str) -> Callable[[ReportContext], pd.DataFrame]:
    def ask(context: ReportContext) -> pd.DataFrame:
        frame = context.metric(MetricName.CONTRIBUTORS)
        return frame[frame["part"] == part].reset_index(drop=True)

    return ask


def _whole_period(context: ReportContext) -> pd.DataFrame:
    """Leave the rows of the whole period, which name no beginning."""
    frame = context.metric(MetricName.TIME_TO_OUTCOME)
    return frame[frame["period_start"].isna()].reset_index(drop=True)


def _open(context: ReportContext) -> pd.DataFrame:
    """Give what failed up to the period's end and is still open, whenever it failed."""
    frame = context.metric(MetricName.OPEN_FAILURES, context.filters_from_first_event)
    return frame[frame["state"] == "open"].reset_index(drop=True)


def _by_deadline(context: ReportContext) -> pd.DataFrame:
    """Count open failures by how many days the law leaves."""
    days = _open(context)["days_left"]
    counted = [(name, int(days.between(first, last).fillna(value=False).sum())) for name, first, last in DAYS_LEFT]
    counted.append(("not known", int(days.isna().sum())))
    return pd.DataFrame(counted, columns=["days_left", "open_failures"])


TABLES: tuple[ReportTable, ...] = (
    _metric(MetricName.FAILURE_RATE, Section.HOW_BAD, ("period_start",),
            ("period_start", "failed", "completed", "n", "rate", "partial")),
    _metric(MetricName.PERIOD_COMPARISON, Section.HOW_BAD, (),
            ("failed", "n", "rate", "previous_failed", "previous_n", "previous_rate", "difference")),
    ReportTable("by_product", Section.WHERE, "By business product", ("business_product_id",),
                ("business_product_id", "failed", "n", "rate", "previous_rate", "compared"), _by_product,
                when_empty="No task of a rated product ended in this period or the one before."),
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
            ("outcome", "tasks", "median_seconds", "p90_seconds", "p99_seconds"), ask=_whole_period,
            when_empty="No looked-up task has both a submission and an outcome."),
    _metric(MetricName.CONTRIBUTORS, Section.CHANGED, ("business_product_id",),
            ("business_product_id", "failed", "n", "previous_failed", "previous_n", "mix_effect", "rate_effect",
             "contribution"), ask=_contributors("product"), max_rows=15),
    ReportTable("contributors_by_code", Section.CHANGED, "What changed, by error codes", ("code_set",),
                ("code_set", "failed", "previous_failed", "contribution"), _contributors("code_set"), max_rows=15),
    _metric(MetricName.CHANGE_POINTS, Section.CHANGED, ("changed_at",),
            ("changed_at", "direction", "earliest", "latest", "before_rate", "before_n", "after_rate", "after_n"),
            title="Days on which the rate changed",
            ask=lambda context: context.metric(MetricName.CHANGE_POINTS, change_search_period(context.filters)),
            when_empty="None in this period, the one before and the weeks around them."),
    ReportTable("open_by_deadline", Section.OPEN, "Open failures by days left", ("days_left",),
                ("days_left", "open_failures"), _by_deadline),
    _metric(MetricName.OPEN_FAILURES, Section.OPEN, ("task_id",),
            ("task_id", "deadline", "days_left", "exact", "code", "business_product_id"), ask=_open,
            title="Open failures, nearest deadline first", max_rows=25),
    _metric(MetricName.WAITING, Section.OPEN, ("task_id",),
            ("task_id", "deadline", "days_left", "business_product_id", "received_at", "status")),
    _metric(MetricName.DISCLOSURE, Section.YEARLY, (),
            ("received", "listed", "completed", "failed", "timed", "median_days", "mean_days"),
            is_wanted=lambda context: context.spec.period.is_year),
    _metric(MetricName.COVERAGE, Section.TRUST, (),
            ("failed", "found", "not_asked", "pending", "not_found", "denied", "lookup_failed", "coverage")),
    ReportTable("last_heard", Section.TRUST, "When each product was last heard of",
                ("business_product_id", "task_kind"),
                ("business_product_id", "task_kind", "failed", "completed", "last_failed_at", "last_completed_at"),
                lambda context: last_heard(context.snapshot)),
    _metric(MetricName.LOOKUP_STATES, Section.TRUST, ("business_product_id", "lookup_state", "reason"),
            ("business_product_id", "lookup_state", "reason", "tasks", "share")),
    _metric(MetricName.GAPS, Section.TRUST, ("first_day",), ("first_day", "last_day", "days", "expected"),
            title="Days without any event where some were expected"),
)  # fmt: skip
