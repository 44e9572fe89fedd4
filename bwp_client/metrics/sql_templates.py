"""Renders the SQL templates of the metrics and binds the filters to their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bwp_client.metrics.filters import Bucket, Filters


@dataclass(frozen=True, slots=True)
class SummaryTables:
    """The summaries of the snapshot that a template reads counts of tasks from.

    Attributes:
        counts: Read by metrics that group by the bucket.
        product_counts: Read by metrics that group by business product.
        hour_counts: Read by metrics that group by hour.
    """

    counts: str = "daily_counts"
    product_counts: str = "daily_counts"
    hour_counts: str = "hourly_counts"

    @classmethod
    def smallest(cls, filters: Filters, bucket: Bucket) -> SummaryTables:
        """Return the smallest summaries that give exact counts for these filters."""
        bounds = [time.astimezone(UTC) for time in (filters.from_time, filters.to_time)]
        if any(time.minute or time.second or time.microsecond for time in bounds):
            return cls("exact_counts", "exact_counts", "exact_counts")
        is_whole_days = not any(time.hour for time in bounds)
        hours = "hourly_counts" if filters.business_products is None else "product_hourly_counts"
        return cls(
            counts="daily_counts" if bucket is not Bucket.HOUR and is_whole_days else hours,
            product_counts="daily_counts" if is_whole_days else "product_hourly_counts",
            hour_counts=hours,
        )


@lru_cache(maxsize=1000)
def render_sql(template: str, bucket: Bucket = Bucket.DAY, summaries: SummaryTables = SummaryTables()) -> str:
    """Return the SQL of a template.

    Args:
        template: The file's name, relative to `metrics/sql`.
        bucket: The length of a period in a time series.
        summaries: The tables that hold the counts.
    """
    return _environment().get_template(template).render(bucket_unit=bucket.value, **asdict(summaries))


@cache
def _environment() -> Environment:
    # Nothing is escaped: the values are table names and units of this package. Filters are bound as parameters.
    return Environment(
        loader=PackageLoader("bwp_client.metrics", "sql"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the text is SQL
    )


def filter_parameters(filters: Filters) -> dict[str, Any]:
    """Return the filters by the names of the templates' parameters."""
    return {
        "task_kind": filters.task_kind.value,
        "from_time": filters.from_time,
        "to_time": filters.to_time,
        "before_time": filters.before_time,
        "all_products": filters.business_products is None,
        "business_products": list(filters.business_products or ("",)),
        "all_codes": filters.codes is None,
        "codes": list(filters.codes or ("",)),
        "all_regions": filters.regions is None,
        "regions": list(filters.regions or ("",)),
    }


def bound(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the parameters that occur in the SQL; DuckDB refuses any other."""
    return {name: values[name] for name in set(re.findall(r"\$(\w+)", sql))}
