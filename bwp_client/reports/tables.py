"""The tables of a report, one line each: what is asked, under which heading, and which columns a reader sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from bwp_client.completeness import gaps, last_heard
from bwp_client.metrics import METRICS, MetricName
from bwp_client.metrics.run import no_denominator
from bwp_client.metrics.statement import verdict
from bwp_client.reports.asking import Asking

MAX_ROWS = 60


class Section(StrEnum):
    """The headings, in their order."""

    HOW_BAD = "How often tasks fail"
    WHERE = "Where they fail"
    WHY = "Why they fail"
    CHANGED = "What changed"
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
    ask: Callable[[Asking], pd.DataFrame]
    when_empty: str = "None."
    meaning: MetricName | None = None
    is_wanted: Callable[[Asking], bool] = lambda _: True
    max_rows: int = MAX_ROWS


def _metric(
    name: MetricName,
    section: Section,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    title: str | None = None,
    ask: Callable[[Asking], pd.DataFrame] | None = None,
    **others: object,
) -> ReportTable:
    return ReportTable(
        name.value,
        section,
        title or METRICS[name].title,
        key,
        columns,
        ask or (lambda asking: asking.metric(name)),
        meaning=name,
        **others,  # type: ignore[arg-type]
    )


def _by_product(asking: Asking) -> pd.DataFrame:
    """Compare each rated product with itself in the period before, most failures first."""
    listed = asking.snapshot.rows(
        """
        select business_product_id from product_kinds where task_kind = $kind and has_denominator
        order by tasks desc, business_product_id
        """,
        {"kind": asking.question.task_kind.value},
    )
    frames = [
        asking.metric(MetricName.PERIOD_COMPARISON, asking.filters.with_(business_products=(product,))).assign(
            business_product_id=product
        )
        for (product,) in listed
    ]
    table = pd.concat(frames or [asking.metric(MetricName.PERIOD_COMPARISON).head(0)], ignore_index=True)
    if not frames:
        table["business_product_id"] = pd.Series(dtype="str")
    table["compared"] = [verdict(row) for row in table.to_dict("records")]
    table = table[table["n"] + table["previous_n"] > 0]
    return table.sort_values(["failed", "business_product_id"], ascending=[False, True], ignore_index=True)


def _gaps(asking: Asking) -> pd.DataFrame:
    columns = ["first_day", "last_day", "expected"]
    return pd.DataFrame([[gap.first_day, gap.last_day, gap.expected] for gap in gaps(asking.snapshot)], columns=columns)


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
                lambda asking: no_denominator(asking.snapshot, asking.filters)),
    _metric(MetricName.ERROR_CODES, Section.WHY, ("code",),
            ("code", "state", "tasks", "tasks_before", "share", "action"),
            when_empty="No task of this kind failed in this period."),
    _metric(MetricName.ERROR_CODES_OVER_TIME, Section.WHY, ("period_start", "code"), ()),
    _metric(MetricName.COVERAGE, Section.TRUST, (),
            ("failed", "found", "not_asked", "pending", "not_found", "denied", "lookup_failed", "coverage")),
    ReportTable("last_heard", Section.TRUST, "When each product was last heard of",
                ("business_product_id", "task_kind"),
                ("business_product_id", "failed", "completed", "last_failed_at", "last_completed_at"),
                lambda asking: last_heard(asking.snapshot)),
    ReportTable("gaps", Section.TRUST, "Days without any event where some were expected", ("first_day",),
                ("first_day", "last_day", "expected"), _gaps),
)  # fmt: skip
