-- Every business product, of one task kind or of all; the product with most tasks first.
select business_product_id
from product_kinds
where $all_kinds or task_kind = $task_kind
group by business_product_id
order by sum(tasks) desc, business_product_id
