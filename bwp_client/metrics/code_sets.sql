-- Failed tasks by the set of codes that each one has: which codes come together. Each task counts once.
-- A code filter keeps the sets that hold one of these codes; shares are of all failed tasks.
with in_period as (
    select code_set, max(codes_in_set) as codes, count(distinct task_id) as tasks
    from failed_codes
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_codes or array_contains($codes, code))
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by code_set
),
in_period_before as (
    select code_set, count(distinct task_id) as tasks
    from failed_codes
    where task_kind = $task_kind
      and occurred_at >= $before_time and occurred_at < $from_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by code_set
),
failures as (
    select count(*) as failed
    from failed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
)
select p.code_set,
       cast(p.codes as bigint) as codes,
       cast(p.tasks as bigint) as tasks,
       cast(coalesce(b.tasks, 0) as bigint) as tasks_before,
       cast(p.tasks as double) / f.failed as share
from in_period p
left join in_period_before b on b.code_set = p.code_set
cross join failures f
order by p.tasks desc, p.code_set
