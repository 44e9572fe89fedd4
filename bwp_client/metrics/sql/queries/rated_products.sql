{% from "_macros.sql" import selected_product with context %}
-- The business products that are rated, the product with most tasks first.
select business_product_id
from product_kinds
where task_kind = $task_kind
  and has_denominator
  and {{ selected_product() }}
order by tasks desc, business_product_id
