-- Failed tasks by error code; a task with two codes counts under each, and shares are of all failed tasks.
-- "(uncoded)" had no code in the answer; "(not looked up)" has no answer yet.
with in_period as (
    select code, count(distinct task_id) as tasks
    from failed_codes
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_codes or array_contains($codes, code))
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by code
),
in_period_before as (
    select code, count(distinct task_id) as tasks
    from failed_codes
    where task_kind = $task_kind
      and occurred_at >= $before_time and occurred_at < $from_time
      and ($all_codes or array_contains($codes, code))
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by code
),
ever as (
    select code, min(occurred_at) as first_seen, max(occurred_at) as last_seen,
           max(case when occurred_at < $from_time then 1 else 0 end) as seen_earlier
    from failed_codes
    where task_kind = $task_kind
      and occurred_at < $to_time
      and ($all_codes or array_contains($codes, code))
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by code
),
failures as (
    select count(*) as failed
    from failed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
history as (
    select min(occurred_at) as first_failure from failed_tasks where task_kind = $task_kind
),
joined as (
    select e.code, coalesce(p.tasks, 0) as tasks, coalesce(b.tasks, 0) as tasks_before,
           e.first_seen, e.last_seen, e.seen_earlier, f.failed, h.first_failure
    from ever e
    left join in_period p on p.code = e.code
    left join in_period_before b on b.code = e.code
    cross join failures f
    cross join history h
)
select code,
       cast(tasks as bigint) as tasks,
       cast(tasks_before as bigint) as tasks_before,
       case when failed > 0 then cast(tasks as double) / failed end as share,
       first_seen,
       last_seen,
       case when code = '(not looked up)' then null
            when tasks = 0 then 'quiet'
            when seen_earlier = 0 and first_failure < $from_time then 'new'
            when seen_earlier = 1 and tasks_before = 0 and first_failure < $before_time then 'returned'
            when tasks >= tasks_before + 5 and 2 * tasks >= 3 * tasks_before and first_failure < $from_time then 'rising'
            else 'ongoing' end as state
from joined
order by tasks desc, code
