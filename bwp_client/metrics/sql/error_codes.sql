{% from "_macros.sql" import Z_SQUARED, in_either_period, in_period, in_period_before, selected, selected_code with context %}
-- Failed tasks by error code; a task with two codes counts under each, and shares are of all failed tasks.
-- A code that was seen only before the period has 0 tasks; no row when no task ever failed.
-- "(uncoded)": the answer holds no code; "(not looked up)": there is no answer yet.
-- Rising compares shares of all outcomes, so that more requests alone make no code rise: at least five more tasks, a share
-- at least 1.5 times as high, and a difference beyond chance at the 95 % level (two Poisson counts).
-- A task that was not looked up may have any code. Therefore a code is new, returned or rising only if at least $known_share of
-- the failures in the period before were looked up, counted over the products that ever had the code. It is quiet only if
-- the same share of the failures in this period was looked up.
with in_period as (
    select code, count(distinct task_id) as tasks
    from failed_codes
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
      and {{ selected_code() }}
    group by code
),
in_period_before as (
    select code, count(distinct task_id) as tasks
    from failed_codes
    where {{ selected() }}
      and {{ in_period_before("occurred_at") }}
      and {{ selected_code() }}
    group by code
),
ever as (
    select code, min(occurred_at) as first_seen, max(occurred_at) as last_seen,
           max(case when occurred_at < $from_time then 1 else 0 end) as seen_earlier
    from failed_codes
    where {{ selected() }}
      and occurred_at < $to_time
      and {{ selected_code() }}
    group by code
),
failures as (
    select count(*) as failed
    from failed_tasks
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
),
outcomes as (
    select sum(case when bucket_start >= $from_time then tasks else 0 end) as n,
           sum(case when bucket_start < $from_time then tasks else 0 end) as previous_n
    from {{ counts }}
    where {{ selected() }}
      and {{ in_either_period("bucket_start") }}
),
history as (
    select min(bucket_start) as first_outcome
    from {{ counts }}
    where {{ selected() }}
),
looked_up as (
    select business_product_id,
           sum(case when occurred_at >= $from_time then 1 else 0 end) as failed,
           sum(case when occurred_at >= $from_time and lookup_state = 'found' then 1 else 0 end) as known,
           sum(case when occurred_at < $from_time then 1 else 0 end) as failed_before,
           sum(case when occurred_at < $from_time and lookup_state = 'found' then 1 else 0 end) as known_before
    from failed_tasks
    where {{ selected() }}
      and {{ in_either_period("occurred_at") }}
    group by business_product_id
),
products_with_code as (
    select distinct code, business_product_id
    from failed_codes
    where {{ selected() }}
      and occurred_at < $to_time
      and {{ selected_code() }}
),
lookup_shares as (
    select p.code,
           case when sum(l.known) >= $known_share * sum(l.failed) then 1 else 0 end as is_known,
           case when sum(l.known_before) >= $known_share * sum(l.failed_before) then 1 else 0 end as is_known_before
    from products_with_code p
    join looked_up l on l.business_product_id = p.business_product_id
    group by p.code
),
joined as (
    select e.code, coalesce(p.tasks, 0) as tasks, coalesce(b.tasks, 0) as tasks_before,
           e.first_seen, e.last_seen, e.seen_earlier, f.failed, h.first_outcome,
           coalesce(t.is_known, 1) as is_known, coalesce(t.is_known_before, 1) as is_known_before,
           cast(coalesce(p.tasks, 0) as double) * o.previous_n as weighed,
           cast(coalesce(b.tasks, 0) as double) * o.n as weighed_before, cast(o.n as double) as n,
           cast(o.previous_n as double) as previous_n
    from ever e
    left join in_period p on p.code = e.code
    left join in_period_before b on b.code = e.code
    left join lookup_shares t on t.code = e.code
    cross join failures f
    cross join history h
    cross join outcomes o
)
select code,
       cast(tasks as bigint) as tasks,
       cast(tasks_before as bigint) as tasks_before,
       case when failed > 0 then cast(tasks as double) / failed end as share,
       first_seen,
       last_seen,
       case when code = '(not looked up)' then null
            when tasks = 0 then case when is_known = 1 then 'quiet' end
            when is_known_before = 0 then 'ongoing'
            when seen_earlier = 0 and first_outcome < $from_time then 'new'
            when seen_earlier = 1 and tasks_before = 0 and first_outcome < $before_time then 'returned'
            when tasks >= tasks_before + 5 and 2 * weighed >= 3 * weighed_before and first_outcome < $from_time
                 and (weighed - weighed_before) * (weighed - weighed_before)
                     > {{ Z_SQUARED }} * (tasks * previous_n * previous_n + tasks_before * n * n) then 'rising'
            else 'ongoing' end as state
from joined
order by tasks desc, code
