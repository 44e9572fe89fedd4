-- The task's ID if it failed.
select task_id
from failed_tasks
where task_id = $task_id
limit 1
