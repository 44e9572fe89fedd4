-- Requests that the shop lists and whose task has no event yet, whenever they were received; the deadline is added afterwards.
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
  and ($all_products or array_contains($business_products, business_product_id))
order by received_at, task_id
