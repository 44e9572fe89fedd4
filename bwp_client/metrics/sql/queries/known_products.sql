-- Every business product that an outcome, a request or a lookup names; the product with most tasks first.
with named as (
    select business_product_id, tasks from product_kinds
    union all
    select business_product_id, 0 as tasks from request_facts
    union all
    select business_product_id, 0 as tasks from tasks
)
select business_product_id
from named
where business_product_id is not null
group by business_product_id
order by sum(tasks) desc, business_product_id
