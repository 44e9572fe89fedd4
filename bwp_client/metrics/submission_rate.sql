-- Failed tasks ÷ (failed + completed tasks) by the date of submission, whenever they ended, with the 95 % Wilson interval.
-- Only looked-up tasks have a submission. No task submitted in a period ended before it began, so a period is rated when
-- of all that ended from its begin on, $known_share of the failed and of the completed tasks were looked up.
-- settles_seconds: what 99 of 100 completed tasks took no longer than (nearest rank); younger periods may still change.
-- A code filter narrows the numerator only.
with known as (
    select t.task_id, t.outcome, t.occurred_at, t.submitted_at, t.seconds
    from timed_tasks t
    join product_kinds p on p.business_product_id = t.business_product_id and p.task_kind = t.task_kind
    where t.task_kind = $task_kind
      and p.has_denominator
      and t.occurred_at >= $from_time
      and ($all_products or array_contains($business_products, t.business_product_id))
      and ($all_regions or array_contains($regions, t.region))
),
ended as (
    select date_trunc('bucket', bucket_start) as period_start, outcome, tasks, 0 as looked_up
    from counts
    where task_kind = $task_kind
      and has_denominator
      and bucket_start >= $from_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    union all
    select date_trunc('bucket', occurred_at) as period_start, outcome, 0 as tasks, 1 as looked_up
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
    select date_trunc('bucket', submitted_at) as period_start,
           sum(case when outcome = 'FAILED' and ($all_codes or task_id in (
               select task_id from failed_codes where task_kind = $task_kind and array_contains($codes, code)
           )) then 1 else 0 end) as failed,
           sum(case when outcome = 'COMPLETED' then 1 else 0 end) as completed,
           count(*) as n
    from known
    where submitted_at >= $from_time and submitted_at < $to_time
    group by date_trunc('bucket', submitted_at)
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
    select seconds, row_number() over (order by seconds) as place, count(*) over () as tasks
    from known
    where outcome = 'COMPLETED'
),
settled as (
    select min(case when 100 * place >= 99 * tasks then seconds end) as settles_seconds
    from ranked
),
halves as (
    select period_start, failed, completed, n,
           (failed + 1.9207294103) / (n + 3.8414588207) as centre,
           1.9599639845 / (n + 3.8414588207)
               * sqrt(cast(failed as double) * (n - failed) / n + 0.9603647052) as half
    from submitted
),
judged as (
    select h.period_start, h.failed, h.completed, h.n, h.centre, h.half, s.failed_known, s.completed_known,
           h.n >= $min_n and coalesce(s.failed_known, 1.0) >= $known_share
               and coalesce(s.completed_known, 1.0) >= $known_share as is_rated,
           settled.settles_seconds
    from halves h
    join shares s on s.period_start = h.period_start
    cross join settled
)
select period_start,
       cast(failed as bigint) as failed,
       cast(completed as bigint) as completed,
       cast(n as bigint) as n,
       case when is_rated then cast(failed as double) / n end as rate,
       case when is_rated then greatest(centre - half, 0.0) end as low,
       case when is_rated then least(centre + half, 1.0) end as high,
       coalesce(failed_known, 1.0) as failed_known,
       coalesce(completed_known, 1.0) as completed_known,
       settles_seconds
from judged
order by period_start
