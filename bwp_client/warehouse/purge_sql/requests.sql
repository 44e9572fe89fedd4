-- Requests of removed tasks go; a request replaced by a removed task forgets which one.
select * replace (case when names_removed then null else replaced_by end as replaced_by),
       names_removed as is_changed
from (
    select *, coalesce(task_id in (select task_id from {{ removed_tasks }}), false) as is_removed,
           coalesce(replaced_by in (select task_id from {{ removed_tasks }}), false) as names_removed
    from {{ table }}
)
