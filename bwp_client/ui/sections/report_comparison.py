"""The comparison of two published reports: the choice of both, and the second against the first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from bwp_client.metrics.wording import minute
from bwp_client.reports.manifest import Manifest
from bwp_client.reports.period_comparison import PeriodComparison
from bwp_client.ui.address_fields import draw_option, unknown_options
from bwp_client.ui.components import draw_table
from bwp_client.ui.markdown import plain
from bwp_client.ui.published_reports import compare_report_periods, compare_reports
from bwp_client.ui.viewer_zone import chosen_zone

MAX_KEY_LENGTH: Final = 200
"""Characters shown of the key of a report that is not known."""


def draw_report_comparison(uri: str, reports: list[Manifest], names: Callable[[str], str]) -> None:
    """Draw the choice of two reports, which is in the address, and the second against the first.

    Args:
        uri: The address of the reports.
        reports: The reports to choose from.
        names: Returns a product's name.
    """
    by_key = {report.key: report for report in sorted(reports, key=_by_period, reverse=True)}
    keys = list(by_key)
    strange = [*unknown_options("compare_from", keys), *unknown_options("compare_to", keys)]
    for unknown in strange:
        st.warning(f"No report {plain(unknown[:MAX_KEY_LENGTH])} was published here. The link asks for it.")
    before_newest = keys[min(1, len(keys) - 1)]
    left, right = st.columns(2)
    of_widget: dict[str, Any] = {"format_func": lambda key: _label(by_key[key]), "is_lasting": False}
    first = draw_option(
        left.selectbox, "From", [before_newest, *(key for key in keys if key != before_newest)], key="compare_from",
        **of_widget,
    )  # fmt: skip
    second = draw_option(right.selectbox, "To", keys, key="compare_to", **of_widget)
    a, b = by_key[first], by_key[second]
    if strange:
        return
    if first == second:
        st.caption("Choose two different reports.")
    elif a.spec.task_kind != b.spec.task_kind:
        st.caption("One report is of deletions, the other of retrievals. Choose two of one kind.")
    elif a.spec.period == b.spec.period:
        _draw_changed_rows(compare_reports(uri, a, b))
    else:
        _draw_periods(compare_report_periods(uri, a, b), a.spec.period.name, b.spec.period.name, names)


def _by_period(report: Manifest) -> tuple[datetime, datetime, str]:
    return report.spec.period.from_time, report.spec.as_of, report.key


def _label(report: Manifest) -> str:
    return f"{report.spec.period.name}, {report.spec.report_name}, as of {minute(report.spec.as_of, chosen_zone())}"


def _draw_periods(comparison: PeriodComparison, first: str, second: str, names: Callable[[str], str]) -> None:
    """Draw two different periods side by side: a sentence, the products and the codes, the largest differences first."""
    st.text(comparison.sentence)
    rows = comparison.products
    rates = {name: st.column_config.NumberColumn(format="%.1f %%") for name in (first, second)}
    st.caption("Failure rates by business product, the largest differences first. Differences are of unrounded rates.")
    draw_table(
        pd.DataFrame(
            {
                "Business product": [names(product) for product in rows["business_product_id"]],
                first: rows["before_rate"] * 100,
                second: rows["after_rate"] * 100,
                "Difference": rows["difference"] * 100,
                "95 % interval": [
                    "" if pd.isna(row["difference"])
                    else f"{row['difference_low'] * 100:+.1f} to {row['difference_high'] * 100:+.1f}"
                    for row in rows.to_dict("records")
                ],
                "Compared": rows["compared"],
            }
        ),
        hide_index=True, placeholder="–", key="compared_products",
        column_config=rates | {"Difference": st.column_config.NumberColumn("Points", format="%+.1f")},
        alt="Failure rates of both reports by business product with their differences", percentages=[first, second],
    )  # fmt: skip
    codes = comparison.codes.rename(
        columns={"code": "Error code", "before": first, "after": second, "difference": "Difference"}
    )
    st.caption("Failed tasks by error code. Periods of different length have different counts.")
    draw_table(
        codes, hide_index=True, key="compared_codes",
        column_config={"Difference": st.column_config.NumberColumn(format="%+d")},
        alt="Failed tasks of both reports by error code with their differences",
    )  # fmt: skip


def _draw_changed_rows(comparison: dict[str, Any]) -> None:
    """Draw the rows that changed from one report of a period to a later one of the same period."""
    for side in (comparison["a"], comparison["b"]):
        st.text(f"{side['period']}, as of {_minute(side['as_of'])}: {' '.join(side['says'])}")
    rows = [row for name, table in comparison["tables"].items() for row in _change_rows(name, table)]
    if not rows:
        st.caption("Nothing changed.")
        return
    draw_table(
        pd.DataFrame(rows), hide_index=True, placeholder="–", key="comparison",
        alt="Every table row that was added, removed or changed between the two reports",
    )  # fmt: skip


def _change_rows(name: str, table: dict[str, list[dict[str, Any]]]) -> list[dict[str, str]]:
    """Return a row for each added and removed row of a table, and for each changed value."""
    rows = [
        {"Table": name, "Change": change, "Row": _row_text(row), "Before": "", "After": ""}
        for change in ("added", "removed")
        for row in table[change]
    ]
    for row in table["changed"]:
        key = _row_text({column: value for column, value in row.items() if not isinstance(value, list)})
        rows += [
            {"Table": name, "Change": column, "Row": key, "Before": str(value[0]), "After": str(value[1])}
            for column, value in row.items()
            if isinstance(value, list) and len(value) == 2
        ]
    return rows


def _row_text(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)


def _minute(text: str) -> str:
    return minute(datetime.fromisoformat(text), chosen_zone())
