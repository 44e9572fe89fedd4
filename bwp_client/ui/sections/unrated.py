"""Failed tasks that no rate includes, because not one COMPLETED event of their business product was ever loaded."""

from __future__ import annotations

import streamlit as st

from bwp_client.metrics import no_denominator
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.failure_timeline import draw_failures


def unrated_products(page: PageContext) -> list[tuple[str, int]]:
    """Return the products without a denominator as (business product ID, failed tasks), most failures first."""

    def rows() -> list[tuple[str, int]]:
        frame = no_denominator(page.snapshot, page.filters)
        return list(zip(frame["business_product_id"].astype(str), frame["failed"].astype(int), strict=True))

    return page.cached("not rated", rows)


def unrated_failures(page: PageContext) -> int:
    """Return the number of failed tasks of products without a denominator."""
    return sum(failed for _, failed in unrated_products(page))


def draw_nothing_rated(page: PageContext) -> None:
    """Draw the reason why there is no rate, which is that no task ended or no rated product has one, and the failed tasks."""
    if unrated_products(page):
        draw_unrated(page)
        st.text("The error codes page says why they failed; the tasks page lists them.")
    else:
        st.info("No task of this kind ended in this period. Choose another period or fewer filters in the sidebar.")
    draw_failures(page, None, key="failures")


def draw_unrated(page: PageContext) -> None:
    """Draw a notice that names the products without a denominator; nothing when there are none."""
    if rows := unrated_products(page):
        named = ", ".join(f"{plain(page.names(product))} ({failed:,} failed)" for product, failed in rows)
        st.info(
            f"No failure rate for {named}: we receive {'its' if len(rows) == 1 else 'their'} failed tasks, but not the "
            f"completed ones. Add {plain(f'PERSONAL_DATA_{page.filters.task_kind}_TASK_COMPLETED')} to the detail types of "
            "the archive, or of the rule that delivers to S3.",
            icon="ℹ️",
        )
