"""Compares two published reports of different periods: rates with the interval of their difference, products, and codes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bwp_client.metrics.comparison import difference_of, verdict
from bwp_client.metrics.wording import percent, points, rate_with_interval
from bwp_client.reports.compare import refuse_changed, report_table
from bwp_client.reports.published_report import PublishedReport


@dataclass(frozen=True, slots=True)
class PeriodComparison:
    """The second report against the first.

    Attributes:
        sentence: The failure rates of both, and their difference.
        products: `business_product_id` (str); `before_failed`, `before_n`, `after_failed`, `after_n` (Int64, null where the
            report does not have the product); `before_rate`, `after_rate`, `difference`, `difference_low`,
            `difference_high` (float64); `compared` (str, from `verdict`). The largest differences first.
        codes: `code` (str); `before`, `after` (int64, failed tasks) and `difference` (int64). The largest differences first.
    """

    sentence: str
    products: pd.DataFrame
    codes: pd.DataFrame


def compare_periods(first: PublishedReport, second: PublishedReport) -> PeriodComparison:
    """Compare two reports of one kind of task.

    Raises:
        UsageError: A table or a manifest was changed after publication.
        RemoteError: S3 refused or failed.
    """
    for report in (first, second):
        refuse_changed(report)
    return PeriodComparison(_sentence(first, second), _products(first, second), _codes(first, second))


def _sentence(first: PublishedReport, second: PublishedReport) -> str:
    (before,), (after,) = (report_table(report, "period_comparison").to_dict("records") for report in (first, second))
    names = [report.manifest.spec.period.name for report in (first, second)]
    for name, row in zip(names, (before, after), strict=True):
        if pd.isna(row["rate"]):
            return f"{name} has too few finished tasks to compare: {row['failed']:,} failed of {row['n']:,}."
    difference = difference_of(before, after)
    compared = verdict(difference)
    change = "no clear change from" if compared == "no clear change" else f"{compared} than"
    return (
        f"{percent(after['rate'])} of the tasks failed in {names[1]}, {change} {percent(before['rate'])} in {names[0]}: "
        f"{points(difference['difference'])} ({rate_with_interval(difference, 'difference').rpartition('(')[2]}."
    )


def _products(first: PublishedReport, second: PublishedReport) -> pd.DataFrame:
    names = ("failed", "n", "rate", "low", "high")
    sides = [
        report_table(report, "by_product").set_index("business_product_id")[list(names)].add_prefix(prefix)
        for report, prefix in ((first, "before_"), (second, "after_"))
    ]
    both = sides[0].join(sides[1], how="outer").rename_axis("business_product_id").reset_index()
    rated = ("rate", "low", "high")
    differences = pd.DataFrame(
        [
            difference_of(
                {name: row[f"before_{name}"] for name in rated}, {name: row[f"after_{name}"] for name in rated}
            )
            for row in both.to_dict("records")
        ],
        columns=["difference", "difference_low", "difference_high"],
        dtype="float64",
    )
    both = pd.concat([both, differences], axis=1)
    both["compared"] = pd.Series([verdict(row) for row in both.to_dict("records")], dtype="str")
    counts = {f"{side}_{name}": "Int64" for side in ("before", "after") for name in ("failed", "n")}
    order = both["difference"].abs().sort_values(ascending=False, kind="stable").index
    shown = ["business_product_id", *counts, "before_rate", "after_rate", *differences.columns, "compared"]
    return both.astype(counts).loc[order, shown].reset_index(drop=True)


def _codes(first: PublishedReport, second: PublishedReport) -> pd.DataFrame:
    before, after = (report_table(report, "error_codes").set_index("code")["tasks"] for report in (first, second))
    both = pd.DataFrame({"before": before, "after": after}).fillna(0).astype("int64").rename_axis("code").reset_index()
    both["difference"] = both["after"] - both["before"]
    order = both["difference"].abs().sort_values(ascending=False, kind="stable").index
    return both.loc[order].reset_index(drop=True)
