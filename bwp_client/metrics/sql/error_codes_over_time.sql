{% from "_macros.sql" import bucket, in_period, selected, selected_code with context %}
-- Failed tasks by error code and period; shares are of all failed tasks of the period. No row without a failed task.
with failures as (
    select {{ bucket("occurred_at") }} as period_start, count(*) as failed
    from failed_tasks
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
    group by {{ bucket("occurred_at") }}
),
by_code as (
    select {{ bucket("occurred_at") }} as period_start, code, count(distinct task_id) as tasks
    from failed_codes
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
      and {{ selected_code() }}
    group by {{ bucket("occurred_at") }}, code
)
select c.period_start, c.code, cast(c.tasks as bigint) as tasks, cast(f.failed as bigint) as failed,
       cast(c.tasks as double) / f.failed as share
from by_code c
join failures f on f.period_start = c.period_start
order by c.period_start, c.code
