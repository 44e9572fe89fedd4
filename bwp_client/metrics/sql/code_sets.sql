{% from "_macros.sql" import in_period, in_period_before, selected, selected_code with context %}
-- Failed tasks by the set of their codes, which shows the codes that occur together. Each task counts once.
-- A code filter selects the sets with one of these codes; shares are of all failed tasks. No row
-- when no task failed.
with in_period as (
    select code_set, max(codes_in_set) as codes, count(distinct task_id) as tasks
    from failed_codes
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
      and {{ selected_code() }}
    group by code_set
),
in_period_before as (
    select code_set, count(distinct task_id) as tasks
    from failed_codes
    where {{ selected() }}
      and {{ in_period_before("occurred_at") }}
    group by code_set
),
failures as (
    select count(*) as failed
    from failed_tasks
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
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
