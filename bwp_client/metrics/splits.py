"""Counts split by business product, for tables that set products side by side."""

from __future__ import annotations

import pandas as pd

from bwp_client.metrics.filters import Filters
from bwp_client.metrics.run import parameters
from bwp_client.warehouse.snapshot import Snapshot

_CODES_BY_PRODUCT = """
select code, business_product_id, cast(count(distinct task_id) as bigint) as tasks
from failed_codes
where task_kind = $task_kind
  and occurred_at >= $from_time and occurred_at < $to_time
  and ($all_codes or array_contains($codes, code))
  and ($all_products or array_contains($business_products, business_product_id))
  and ($all_regions or array_contains($regions, region))
group by code, business_product_id
order by tasks desc, code, business_product_id
"""


def codes_by_product(snapshot: Snapshot, filters: Filters) -> pd.DataFrame:
    """Count failed tasks by error code and business product; a task with two codes counts under each.

    Returns:
        Columns code, business_product_id and tasks, most first; empty when no task failed.
    """
    bound = parameters(filters)
    return snapshot.frame(_CODES_BY_PRODUCT, {name: bound[name] for name in bound if f"${name}" in _CODES_BY_PRODUCT})
