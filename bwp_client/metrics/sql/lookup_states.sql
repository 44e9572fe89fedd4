{% from "_macros.sql" import in_period, selected with context %}
-- The lookups of failed tasks per business product: how many tasks are in each state for the same reason, when they were last
-- asked about, and when they are asked about again (null: only when a person asks for it). Shares are of all failed tasks.
-- No row without a failed task.
with chosen as (
    select business_product_id, lookup_state, reason, asked_at, next_attempt_at
    from failed_tasks
    where {{ selected() }}
      and {{ in_period("occurred_at") }}
),
total as (select count(*) as tasks from chosen)
select c.lookup_state, c.reason, c.business_product_id, count(*) as tasks,
       cast(count(*) as double) / max(t.tasks) as share,
       max(c.asked_at) as last_asked_at, min(c.next_attempt_at) as next_attempt_at
from chosen c cross join total t
group by c.lookup_state, c.reason, c.business_product_id
order by count(*) desc, c.lookup_state, c.reason, c.business_product_id
