-- Claims of removed tasks go.
select *, coalesce(task_id in (select task_id from {{ removed_tasks }}), false) as is_removed, false as is_changed
from {{ table }}
