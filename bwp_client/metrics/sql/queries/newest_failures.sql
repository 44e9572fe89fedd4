{% from "_macros.sql" import failed_with_selected_code, in_period, selected with context %}
-- The newest failed tasks of the period, one row per error code.
select c.task_id, c.occurred_at as failed_at, c.business_product_id, c.code, c.code_set
from failed_codes c
where {{ selected("c") }}
  and {{ in_period("c.occurred_at") }}
  and {{ failed_with_selected_code("c.task_id") }}
order by c.occurred_at desc, c.task_id, c.code
limit 2000
