-- Completed tasks whose submission is not known.
with completed as (
    select coalesce(sum(tasks - failed), 0) as tasks from product_kinds
),
looked_up as (
    select count(*) as tasks from timed_tasks where outcome = 'COMPLETED'
)
select cast(c.tasks - l.tasks as bigint) as tasks
from completed c cross join looked_up l
