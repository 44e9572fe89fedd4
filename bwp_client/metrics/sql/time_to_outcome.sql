{% from "_macros.sql" import bucket, failed_with_selected_code, in_period, selected with context %}
-- The time from submission to outcome, by date of the outcome: median, 90th and 99th percentile by nearest rank (the smallest
-- time that at least so many tasks did not exceed). Only tasks that were looked up have a submission time.
-- The rows without a period_start are the whole period. A code filter narrows the failed tasks only.
-- A percentile is null with fewer than $min_n tasks, the 99th with fewer than 100; no row without a looked-up task.
with timed as (
    select {{ bucket("occurred_at") }} as period_start, outcome, seconds
    from timed_tasks
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
      and (outcome = 'COMPLETED' or {{ failed_with_selected_code("task_id") }})
),
spread as (
    select period_start, outcome, seconds from timed
    union all
    select null as period_start, outcome, seconds from timed
),
ranked as (
    select period_start, outcome, seconds,
           row_number() over (partition by period_start, outcome order by seconds) as nth,
           count(*) over (partition by period_start, outcome) as tasks
    from spread
)
select period_start,
       outcome,
       cast(max(tasks) as bigint) as tasks,
       case when max(tasks) >= $min_n then min(case when 2 * nth >= tasks then seconds end) end as median_seconds,
       case when max(tasks) >= $min_n then min(case when 10 * nth >= 9 * tasks then seconds end) end as p90_seconds,
       case when max(tasks) >= 100 then min(case when 100 * nth >= 99 * tasks then seconds end) end as p99_seconds
from ranked
group by period_start, outcome
order by outcome, period_start
