{% from "_macros.sql" import failed_with_selected_code, failure_state, selected with context %}
-- How many tasks that failed before a moment are still open; open means the same as in open_failures.
select count(*) as tasks
from failed_tasks f
left join request_facts r on r.task_id = f.task_id
where {{ selected("f") }}
  and f.occurred_at < $before
  and {{ failure_state() }} = 'open'
  and {{ failed_with_selected_code("f.task_id") }}
