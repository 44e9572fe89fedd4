{% from "_macros.sql" import failed_with_selected_code, in_period, selected with context %}
-- Failed tasks of the business products that are left out of rates, because none of their COMPLETED events was ever loaded.
select f.business_product_id, count(*) as failed
from failed_tasks f
join product_kinds p on p.business_product_id = f.business_product_id and p.task_kind = f.task_kind
where {{ selected("f") }}
  and not p.has_denominator
  and {{ in_period("f.occurred_at") }}
  and {{ failed_with_selected_code("f.task_id") }}
group by f.business_product_id
order by failed desc, f.business_product_id
