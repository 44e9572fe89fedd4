{% from "_macros.sql" import selected_product with context %}
-- Open requests of the shop's list whose task has no event yet, in all periods; `worklist.py` adds the deadlines.
select task_id,
       business_product_id,
       received_at,
       submitted_at,
       least(first_submitted_at, submitted_at) as first_submitted_at,
       holding_period_days,
       lookup_state,
       status,
       replaced_by
from waiting_requests
where task_kind = $task_kind
  and {{ selected_product() }}
order by received_at, task_id
