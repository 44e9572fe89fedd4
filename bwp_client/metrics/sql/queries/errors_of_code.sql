{% from "_macros.sql" import failed_with_selected_code, in_period, selected with context %}
-- The errors of the newest failed tasks of the period that have one of the selected codes.
select f.errors
from failed_tasks f
where {{ selected("f") }}
  and {{ in_period("f.occurred_at") }}
  and {{ failed_with_selected_code("f.task_id") }}
order by f.occurred_at desc, f.task_id
limit 1000
