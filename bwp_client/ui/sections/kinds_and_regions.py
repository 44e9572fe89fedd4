"""Task kinds side by side, and regions where there are several; a rate never pools the kinds."""

from __future__ import annotations

import pandas as pd

from bwp_client.events import TaskKind
from bwp_client.metrics import Filters, MetricName
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.wording import rate_with_interval
from bwp_client.ui.components import count_column, draw_heading, draw_table
from bwp_client.ui.filters import all_regions
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.data_extent import not_compared

MAX_REGIONS = 20


def draw_kinds_and_regions(page: PageContext) -> None:
    """Draw failed tasks, outcomes, rate and comparison of each task kind and region."""
    filters = page.filters
    parts = {f"{kind.value.capitalize()} tasks": filters.with_(task_kind=kind) for kind in TaskKind}
    regions = all_regions(page.snapshot)
    if len(regions) > 1:
        parts |= {region: filters.with_(regions=(region,)) for region in regions[:MAX_REGIONS]}
    draw_heading(
        "By task kind and region" if len(regions) > 1 else "By task kind",
        MetricName.PERIOD_COMPARISON,
        notes=f"The regions are those of {filters.task_kind.value.lower()} tasks.",
    )
    draw_table(
        page.cached_table("kinds and regions", lambda: _rows(page, parts)),
        hide_index=True,
        column_config={name: count_column(name) for name in ("Failed", "Finished")},
        key="kinds_and_regions",
        alt="Failed and finished tasks, failure rate and comparison by task kind and region",
    )


def _rows(page: PageContext, parts: dict[str, Filters]) -> pd.DataFrame:
    """Return one row per part: Failed and Finished as int, Part, Failure rate and Compared as text."""
    rows = [page.metric_row(MetricName.PERIOD_COMPARISON, filters) for filters in parts.values()]
    is_cut = [not_compared(page, filters) is not None for filters in parts.values()]
    return pd.DataFrame(
        {
            "Part": list(parts),
            "Failed": [row["failed"] for row in rows],
            "Finished": [row["n"] for row in rows],
            "Failure rate": [rate_with_interval(row) for row in rows],
            "Compared": [verdict(row, is_cut=cut) for row, cut in zip(rows, is_cut, strict=True)],
        }
    )
