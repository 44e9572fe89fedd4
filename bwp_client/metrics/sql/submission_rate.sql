{% from "_macros.sql" import bucket, failed_with_selected_code, in_period, selected, wilson with context %}
-- Failed tasks ÷ (failed + completed tasks) by the date of submission, with the 95 % Wilson interval.
-- Only looked-up tasks have a submission. No task submitted in a period ended before the period began. So a period is rated
-- when $known_share of the failed and of the completed tasks that ended from its beginning on were looked up.
-- settles_seconds: the time that 99 of 100 completed tasks did not exceed (nearest rank); younger periods may still change.
-- A code filter narrows the numerator only. No row for a period in which no looked-up task was submitted.
with known as (
    select t.task_id, t.outcome, t.occurred_at, t.submitted_at, t.seconds
    from timed_tasks t
    join product_kinds p on p.business_product_id = t.business_product_id and p.task_kind = t.task_kind
    where {{ selected("t") }}
      and p.has_denominator
      and t.occurred_at >= $from_time
),
ended as (
    select {{ bucket("bucket_start") }} as period_start, outcome, tasks, 0 as looked_up
    from {{ counts }}
    where {{ selected() }}
      and has_denominator
      and bucket_start >= $from_time
    union all
    select {{ bucket("occurred_at") }} as period_start, outcome, 0 as tasks, 1 as looked_up
    from known
),
ended_in_period as (
    select period_start,
           sum(case when outcome = 'FAILED' then tasks else 0 end) as failed,
           sum(case when outcome = 'FAILED' then looked_up else 0 end) as failed_looked_up,
           sum(case when outcome = 'COMPLETED' then tasks else 0 end) as completed,
           sum(case when outcome = 'COMPLETED' then looked_up else 0 end) as completed_looked_up
    from ended
    group by period_start
),
submitted as (
    select {{ bucket("submitted_at") }} as period_start,
           sum(case when outcome = 'FAILED' and {{ failed_with_selected_code("task_id") }}
               then 1 else 0 end) as failed,
           sum(case when outcome = 'COMPLETED' then 1 else 0 end) as completed,
           count(*) as n
    from known
    where {{ in_period("submitted_at") }}
    group by {{ bucket("submitted_at") }}
),
shares as (
    select s.period_start,
           sum(e.failed_looked_up) / nullif(cast(sum(e.failed) as double), 0) as failed_known,
           sum(e.completed_looked_up) / nullif(cast(sum(e.completed) as double), 0) as completed_known
    from submitted s
    join ended_in_period e on e.period_start >= s.period_start
    group by s.period_start
),
ranked as (
    select seconds, row_number() over (order by seconds) as nth, count(*) over () as tasks
    from known
    where outcome = 'COMPLETED'
),
settled as (
    select min(case when 100 * nth >= 99 * tasks then seconds end) as settles_seconds
    from ranked
),
judged as (
    select p.period_start, p.failed, p.completed, p.n, s.failed_known, s.completed_known,
           p.n >= $min_n and coalesce(s.failed_known, 1.0) >= $known_share
               and coalesce(s.completed_known, 1.0) >= $known_share as is_rated,
           settled.settles_seconds
    from submitted p
    join shares s on s.period_start = p.period_start
    cross join settled
)
select period_start,
       cast(failed as bigint) as failed,
       cast(completed as bigint) as completed,
       cast(n as bigint) as n,
       {{ wilson("failed", "n", is_rated="is_rated") }},
       coalesce(failed_known, 1.0) as failed_known,
       coalesce(completed_known, 1.0) as completed_known,
       settles_seconds
from judged
order by period_start
