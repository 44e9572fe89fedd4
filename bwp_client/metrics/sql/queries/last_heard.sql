-- The newest outcome of each type by business product and task kind; null if there never was such an outcome.
select business_product_id, task_kind,
       count(case when outcome = 'FAILED' then 1 end) as failed,
       count(case when outcome = 'COMPLETED' then 1 end) as completed,
       max(case when outcome = 'FAILED' then occurred_at end) as last_failed_at,
       max(case when outcome = 'COMPLETED' then occurred_at end) as last_completed_at
from outcomes
group by business_product_id, task_kind
order by count(*) desc, business_product_id, task_kind
