-- How long tasks took from submission to outcome, by date of the outcome: median, 90th and 99th percentile by nearest rank
-- (the smallest time that at least so many tasks did not exceed). Only tasks that were looked up have a submission time.
-- The rows without a period_start are the whole period. A code filter narrows the failed tasks only.
with timed as (
    select date_trunc('bucket', occurred_at) as period_start, outcome, seconds
    from timed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
      and ($all_codes or outcome = 'COMPLETED' or task_id in (
          select task_id from failed_codes where task_kind = $task_kind and array_contains($codes, code)
      ))
),
spread as (
    select period_start, outcome, seconds from timed
    union all
    select null as period_start, outcome, seconds from timed
),
ranked as (
    select period_start, outcome, seconds,
           row_number() over (partition by period_start, outcome order by seconds) as place,
           count(*) over (partition by period_start, outcome) as tasks
    from spread
)
select period_start,
       outcome,
       cast(max(tasks) as bigint) as tasks,
       case when max(tasks) >= $min_n then min(case when 2 * place >= tasks then seconds end) end as median_seconds,
       case when max(tasks) >= $min_n then min(case when 10 * place >= 9 * tasks then seconds end) end as p90_seconds,
       case when max(tasks) >= 100 then min(case when 100 * place >= 99 * tasks then seconds end) end as p99_seconds
from ranked
group by period_start, outcome
order by outcome, period_start
