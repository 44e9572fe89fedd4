{% from "_macros.sql" import selected with context %}
-- Tasks, and the hours of the first and of the newest outcome, by business product and outcome.
select business_product_id, outcome, sum(tasks) as tasks, min(first_at) as first_at, max(newest_at) as newest_at
from outcome_spans
where {{ selected() }}
group by business_product_id, outcome
order by business_product_id, outcome
