-- Failed tasks by where their lookup stands.
with failures as (
    select lookup_state, count(*) as tasks
    from failed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by lookup_state
)
select lookup_state, cast(tasks as bigint) as tasks, cast(tasks as double) / sum(tasks) over () as share
from failures
order by tasks desc, lookup_state
