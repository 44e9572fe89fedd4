-- Lookups go if their task has no outcome left and no request names it.
select *, coalesce(task_id not in (select task_id from {{ known_tasks }}), true) as is_removed, false as is_changed
from {{ table }}
