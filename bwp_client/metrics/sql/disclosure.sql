{% from "_macros.sql" import in_period, selected, selected_product with context %}
-- The figures of a yearly disclosure (11 CCR § 7102): requests received as far as known, tasks completed and failed, and the
-- days from request to completion. A request that was submitted again counts once. With an even number of tasks, the median
-- is the mean of the two in the middle. One row; the days are null when no completed task has a known beginning.
with known as (
    select case when is_listed then 1 else 0 end as listed
    from request_starts
    where task_kind = $task_kind
      and not is_replacement
      and {{ in_period("start_at") }}
      and {{ selected_product() }}
),
received as (
    select count(*) as received, coalesce(sum(listed), 0) as listed from known
),
ended as (
    select coalesce(sum(case when outcome = 'COMPLETED' then tasks end), 0) as completed,
           coalesce(sum(case when outcome = 'FAILED' then tasks end), 0) as failed
    from {{ counts }}
    where {{ selected() }}
      and {{ in_period("bucket_start") }}
),
ranked as (
    select days, row_number() over (order by days, task_id) as nth, count(*) over () as n
    from timed_completions
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
),
times as (
    select count(*) as timed,
           avg(case when 2 * nth >= n and 2 * nth <= n + 2 then days end) as median_days,
           avg(days) as mean_days
    from ranked
)
select r.received, cast(r.listed as bigint) as listed, cast(e.completed as bigint) as completed,
       cast(e.failed as bigint) as failed, t.timed, t.median_days, t.mean_days
from received r cross join ended e cross join times t
