"""Business products side by side: the failure rate of each, its error codes, and its weekly rates."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.charts import rates_by_product
from bwp_client.charts.rate_descriptions import describe_products
from bwp_client.metrics import MetricName
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.wording import TOO_FEW_TO_RATE, counted, interval
from bwp_client.ui.cards import is_narrow
from bwp_client.ui.components import draw_chart, draw_heading, draw_rows, draw_table, theme
from bwp_client.ui.drill_down import Opening, open_product
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import uncompared_products
from bwp_client.ui.sections.stood_out import rates_by_week, verdicts_in_words
from bwp_client.ui.sections.unrated import draw_unrated
from bwp_client.ui.sharing import draw_download_menu

MAX_PRODUCTS = 20
MAX_NAMED = 5
"""The most products that the card of an error code names."""
MAX_ROWS = 500
"""The most products in the table of products, those with most failed tasks."""


def draw_products(page: PageContext) -> None:
    """Draw each product with its rate, the comparison with the period before, and its most frequent code."""
    rate = st.column_config.NumberColumn(format="%.1f %%", width=82)
    finished = st.column_config.NumberColumn(help="Failed and completed tasks", format="localized", width=62)
    code = st.column_config.TextColumn("Most frequent code", width=205)
    draw_table(
        page.cached_table("products shown", lambda: _product_rows(page)), hide_index=True, key="products",
        opening=Opening(page.metric(MetricName.COMPARISON_BY_PRODUCT)["business_product_id"].tolist(), open_product),
        percentages=["Failure rate", "Period before"],
        placeholder="–",
        column_config={"Finished": finished, "Failure rate": rate, "Period before": rate, "Most frequent code": code},
        alt="Business products with failed and finished tasks, failure rate, comparison with the period before and top code",
    )  # fmt: skip
    draw_unrated(page)


def _product_rows(page: PageContext) -> pd.DataFrame:
    """Return one row per product: counts (int), rates in per cent (float), the rest as text."""
    products = page.metric(MetricName.COMPARISON_BY_PRODUCT).head(MAX_ROWS)
    codes = page.metric(MetricName.CODES_BY_PRODUCT).drop_duplicates("business_product_id")
    top = {row["business_product_id"]: f"{row['code']} ({row['tasks']:,})" for row in codes.to_dict("records")}
    rows = products.to_dict("records")
    verdicts = {
        row["business_product_id"]: verdict(row, is_cut=row["business_product_id"] in uncompared_products(page))
        for row in rows
    }
    compared = verdicts_in_words(page, verdicts)
    return pd.DataFrame(
        {
            "Business product": [page.names(product) for product in products["business_product_id"]],
            "Failed": products["failed"],
            "Finished": products["n"],
            "Failure rate": products["rate"] * 100,
            "95 % interval": [
                TOO_FEW_TO_RATE if pd.isna(row["rate"]) else interval(row["low"], row["high"]) for row in rows
            ],
            "Period before": products["previous_rate"] * 100,
            "Compared": [compared[product] for product in products["business_product_id"]],
            "Most frequent code": [top.get(product, "") for product in products["business_product_id"]],
        }
    )


def draw_weekly_rates(page: PageContext) -> None:
    """Draw the weekly rates of the products that have at least one rated week."""
    weekly = page.cached(
        "products rated by week",
        lambda: {product: frame for product, frame in rates_by_week(page).items() if frame["rate"].notna().any()},
    )
    if not weekly:
        st.text("No business product has a week with enough finished tasks to rate.")
        return
    n = sum(int(frame["n"].sum()) for frame in weekly.values())
    draw_chart(
        page,
        "Failure rate by business product and week",
        lambda: rates_by_product(weekly, page.names, theme()),
        notes=f"This period and the one before. Hollow: partial week. A week with fewer than {page.settings.min_n} "
        f"finished tasks is not rated. n {counted(n, 'finished task')}.",
        alt=lambda: describe_products(weekly, page.names, "week"),
        data=lambda: pd.concat(weekly, names=["business_product_id"]).reset_index(level=0),
        key="products_by_week",
    )


def draw_codes_by_product(page: PageContext) -> None:
    """Draw the failed tasks of each error code at each product; on a narrow screen, at those with most of them."""
    draw_heading("Failed tasks by error code and business product", MetricName.CODES_BY_PRODUCT)
    rows = page.cached_table("codes by product", lambda: _code_rows(page))
    if not rows.num_rows:
        return
    shown = page.cached_table("products of codes", lambda: _most_frequent(_code_rows(page))) if is_narrow() else rows
    draw_rows(shown, key="codes_by_product", opening=None, alt="Failed tasks by error code and business product")
    draw_download_menu(rows.to_pandas, "codes_by_product")


def _most_frequent(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the products with most failed tasks of each error code, as text.

    Args:
        counts: Failed tasks (int) with error codes as index and products as columns.
    """

    def named(row: pd.Series[int]) -> str:
        found = row[row > 0].sort_values(ascending=False, kind="stable")
        more = len(found) - MAX_NAMED
        texts = [f"{product} {tasks:,}" for product, tasks in found.head(MAX_NAMED).items()]
        return ", ".join(texts) + (f" and {more:,} more" if more > 0 else "")

    return pd.DataFrame({"Failed tasks": counts.sum(axis=1), "Business products": counts.apply(named, axis=1)})


def _code_rows(page: PageContext) -> pd.DataFrame:
    """Return failed tasks (int) with error codes as index and products as columns, both with most tasks first."""
    codes = page.metric(MetricName.CODES_BY_PRODUCT)
    if codes.empty:
        return codes
    counts = codes.pivot_table(index="code", columns="business_product_id", values="tasks", aggfunc="sum", fill_value=0)
    by_code, by_product = counts.sum(axis=1), counts.sum()
    counts = counts.loc[by_code.sort_values(ascending=False).index, by_product.sort_values(ascending=False).index]
    rest = counts.iloc[:, MAX_PRODUCTS:]
    counts = counts.iloc[:, :MAX_PRODUCTS].rename_axis(index="Error code", columns=None)
    counts = counts.set_axis([page.names(product) for product in counts.columns], axis=1)
    return counts if rest.empty else counts.assign(**{f"({rest.shape[1]} other products)": rest.sum(axis=1)})
