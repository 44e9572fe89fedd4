{% from "_macros.sql" import failed_with_selected_code, failure_state, in_period, selected with context %}
-- How many failed tasks of the period are in each state; the states are those of open_failures.
select {{ failure_state() }} as state, count(*) as tasks
from failed_tasks f
left join request_facts r on r.task_id = f.task_id
where {{ selected("f") }}
  and {{ in_period("f.occurred_at") }}
  and {{ failed_with_selected_code("f.task_id") }}
group by {{ failure_state() }}
