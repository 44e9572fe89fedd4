-- Where the lookups of failed tasks stand, per business product: how many tasks are in each state for the same reason, when
-- they were last asked about, and when they are asked about again (null: not by themselves).
with chosen as (
    select business_product_id, lookup_state, reason, asked_at, next_attempt_at
    from failed_tasks
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
total as (select count(*) as tasks from chosen)
select c.lookup_state, c.reason, c.business_product_id, count(*) as tasks,
       cast(count(*) as double) / max(t.tasks) as share,
       max(c.asked_at) as last_asked_at, min(c.next_attempt_at) as next_attempt_at
from chosen c cross join total t
group by c.lookup_state, c.reason, c.business_product_id
order by count(*) desc, c.lookup_state, c.reason, c.business_product_id
