"""Business products side by side: how often each fails, with what, and week by week."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.events import TaskKind
from bwp_client.metrics import Bucket, Filters, MetricName
from bwp_client.metrics.attribution import change_search_period
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.queries import rated_products
from bwp_client.metrics.wording import TOO_FEW_TO_RATE, interval, rate_with_interval
from bwp_client.ui import data
from bwp_client.ui.components import as_of, ask, ask_row, count_column, heading, kept, table
from bwp_client.ui.filters import regions_of
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import Page

MAX_PRODUCTS = 20
MAX_LINES = 6


def compare(page: Page) -> pd.DataFrame:
    """Compare each product with itself in the period before; most failures first.

    Returns:
        `comparison_by_product` rows of the products with most tasks.
    """
    return kept(page, "products compared", lambda: _compare(page))


def _compare(page: Page) -> pd.DataFrame:
    largest = rated_products(page.snapshot, page.choice.filters)[:MAX_PRODUCTS]
    rows = ask(page, MetricName.COMPARISON_BY_PRODUCT)
    return rows[rows["business_product_id"].isin(largest)].reset_index(drop=True)


def show(page: Page, products: pd.DataFrame) -> None:
    """Show products with their rates, how these compare with the period before, and the code most met."""
    rate = st.column_config.NumberColumn(format="%.1f %%")
    outcomes = st.column_config.NumberColumn(
        "Outcomes", help="Failed and completed tasks", format="localized", width=75
    )
    code = st.column_config.TextColumn("Most frequent code", width=215)
    st.dataframe(
        table(page, "products shown", lambda: _shown(page, products)), hide_index=True, key="products", placeholder="–",
        column_config={"Outcomes (n)": outcomes, "Failure rate": rate, "Period before": rate, "Most frequent code": code},
        alt="Business products with failed tasks, outcomes, failure rate, comparison with the period before and top code",
    )  # fmt: skip
    show_unrated(page)


def _shown(page: Page, products: pd.DataFrame) -> pd.DataFrame:
    codes = ask(page, MetricName.CODES_BY_PRODUCT)
    return pd.DataFrame(
        {
            "Business product": [page.names(product) for product in products["business_product_id"]],
            "Failed": products["failed"],
            "Outcomes (n)": products["n"],
            "Failure rate": products["rate"] * 100,
            "95 % interval": [
                TOO_FEW_TO_RATE if pd.isna(row["rate"]) else interval(row["low"], row["high"])
                for row in products.to_dict("records")
            ],
            "Period before": products["previous_rate"] * 100,
            "Compared": [verdict(row) for row in products.to_dict("records")],
            "Most frequent code": [_top_code(codes, product) for product in products["business_product_id"]],
        }
    )


def show_kinds_and_regions(page: Page) -> None:
    """Show each task kind, and each region where there are several, beside the others; rates never pool the kinds."""
    filters = page.choice.filters
    narrowed = {f"{kind.value.capitalize()} tasks": filters.with_(task_kind=kind) for kind in TaskKind}
    regions = regions_of(page.snapshot)
    if len(regions) > 1:
        narrowed |= {region: filters.with_(regions=(region,)) for region in regions[:MAX_PRODUCTS]}
    heading("By task kind and region" if len(regions) > 1 else "By task kind", MetricName.PERIOD_COMPARISON)
    st.dataframe(
        table(page, "kinds and regions", lambda: _parts(page, narrowed)),
        hide_index=True,
        column_config={name: count_column(name) for name in ("Failed", "Outcomes (n)")},
        key="kinds_and_regions",
        alt="Failed tasks, outcomes, failure rate and comparison by task kind and region",
    )
    st.caption(f"The regions are those of {filters.task_kind.value.lower()} tasks, {as_of(page)}.")


def _parts(page: Page, narrowed: dict[str, Filters]) -> pd.DataFrame:
    rows = [ask_row(page, MetricName.PERIOD_COMPARISON, chosen) for chosen in narrowed.values()]
    return pd.DataFrame(
        {
            "Part": list(narrowed),
            "Failed": [row["failed"] for row in rows],
            "Outcomes (n)": [row["n"] for row in rows],
            "Failure rate": [rate_with_interval(row) for row in rows],
            "Compared": [verdict(row) for row in rows],
        }
    )


def unrated_failures(page: Page) -> int:
    """Count the failed tasks of products without a denominator."""
    return sum(failed for _, failed in _unrated(page))


def _unrated(page: Page) -> list[tuple[str, int]]:
    """Give (business product ID, failed tasks) of the products without a denominator."""

    def rows() -> list[tuple[str, int]]:
        frame = data.unrated(page.snapshot, page.choice.filters)
        return list(zip(frame["business_product_id"].astype(str), frame["failed"].astype(int), strict=True))

    return kept(page, "not rated", rows)


def show_nothing_rated(page: Page) -> None:
    """Say why there is no rate: nothing ended, or nothing that ended can be rated."""
    if unrated_failures(page):
        show_unrated(page)
        st.text("Why they failed stands on the error codes page, and which ones on the tasks page.")
    else:
        st.info("No task of this kind ended in this period. Choose another period or fewer filters in the sidebar.")


def show_unrated(page: Page) -> None:
    """Name the products without a denominator."""
    if rows := _unrated(page):
        named = ", ".join(f"{plain(page.names(product))} ({failed:,} failed)" for product, failed in rows)
        st.info(
            f"These are not rated: {named}. Not one COMPLETED event was ever loaded for "
            f"{'it' if len(rows) == 1 else 'them'}, so these failures have no denominator and are in no rate. "
            "Subscribe to the COMPLETED events.",
            icon="ℹ️",
        )


def show_codes(page: Page) -> None:
    """Show how often each error code was met at each product."""
    rows = table(page, "codes by product", lambda: _codes_by_product(page))
    if rows.num_rows:
        st.dataframe(rows, key="codes_by_product", alt="Failed tasks by error code and business product")


def _codes_by_product(page: Page) -> pd.DataFrame:
    codes = ask(page, MetricName.CODES_BY_PRODUCT)
    if codes.empty:
        return codes
    counts = codes.assign(product=[page.names(product) for product in codes["business_product_id"]]).pivot_table(
        index="code", columns="product", values="tasks", aggfunc="sum", fill_value=0
    )
    counts = counts.loc[
        counts.sum(axis=1).sort_values(ascending=False).index, counts.sum().sort_values(ascending=False).index
    ]
    return counts.iloc[:, :MAX_PRODUCTS].rename_axis(index="Error code", columns=None)


def weekly(page: Page) -> dict[str, pd.DataFrame]:
    """Give the weekly failure rates of the products with most tasks, over this period and the one before.

    Returns:
        `failure_rate` frames by business product ID; over at least eight whole weeks.
    """
    return kept(page, "products by week", lambda: _weekly(page))


def _weekly(page: Page) -> dict[str, pd.DataFrame]:
    period = change_search_period(page.choice.filters)
    return {
        product: ask(page, MetricName.FAILURE_RATE, period.with_(business_products=(product,)), Bucket.WEEK)
        for product in rated_products(page.snapshot, page.choice.filters)[:MAX_LINES]
    }


def _top_code(codes: pd.DataFrame, product: str) -> str:
    of_product = codes[codes["business_product_id"] == product]
    return "" if of_product.empty else f"{of_product['code'].iloc[0]} ({of_product['tasks'].iloc[0]:,})"
