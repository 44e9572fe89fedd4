-- Failed tasks by error code and period; shares are of all failed tasks of the period.
with failures as (
    select date_trunc('bucket', occurred_at) as period_start, count(*) as failed
    from failed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('bucket', occurred_at)
),
by_code as (
    select date_trunc('bucket', occurred_at) as period_start, code, count(distinct task_id) as tasks
    from failed_codes
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_codes or array_contains($codes, code))
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('bucket', occurred_at), code
)
select c.period_start, c.code, cast(c.tasks as bigint) as tasks, cast(f.failed as bigint) as failed,
       cast(c.tasks as double) / f.failed as share
from by_code c
join failures f on f.period_start = c.period_start
order by c.period_start, c.code
