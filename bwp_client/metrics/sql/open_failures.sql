{% from "_macros.sql" import failed_with_selected_code, failure_state, in_period, selected with context %}
-- Failed tasks of the period with what the shop knows of them, one row per error code; `worklist.py` adds the deadlines.
select f.task_id,
       {{ failure_state() }} as state,
       c.code,
       f.occurred_at as failed_at,
       f.business_product_id,
       f.region,
       r.received_at,
       f.submitted_at,
       least(r.first_submitted_at, f.submitted_at) as first_submitted_at,
       f.holding_period_days,
       f.lookup_state,
       r.replaced_by,
       r.closed_at
from failed_tasks f
join failed_codes c on c.task_id = f.task_id and c.task_kind = f.task_kind
left join request_facts r on r.task_id = f.task_id
where {{ selected("f") }}
  and {{ in_period("f.occurred_at") }}
  and {{ failed_with_selected_code("f.task_id") }}
order by f.task_id, c.code
