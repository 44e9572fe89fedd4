{% from "_macros.sql" import selected with context %}
-- The number of outcomes of each selected business product up to $as_of, the first and the newest.
select business_product_id, count(*) as tasks, min(occurred_at) as first_at, max(occurred_at) as newest_at
from outcomes
where {{ selected() }}
  and occurred_at <= $as_of
group by business_product_id
order by business_product_id
