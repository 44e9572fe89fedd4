{% from "_macros.sql" import in_period, selected, selected_code with context %}
-- Failed tasks by error code and business product; a task with two codes counts under each. No row without a failed
-- task.
select code, business_product_id, cast(count(distinct task_id) as bigint) as tasks
from failed_codes
where {{ selected() }}
  and {{ in_period("occurred_at") }}
  and {{ selected_code() }}
group by code, business_product_id
order by tasks desc, code, business_product_id
