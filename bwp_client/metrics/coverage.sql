-- How many failed tasks have their errors: found ÷ failed, and where the others stand.
select count(*) as failed,
       count(case when lookup_state = 'found' then 1 end) as found,
       count(case when lookup_state = 'not_asked' then 1 end) as not_asked,
       count(case when lookup_state = 'pending' then 1 end) as pending,
       count(case when lookup_state = 'not_found' then 1 end) as not_found,
       count(case when lookup_state = 'denied' then 1 end) as denied,
       count(case when lookup_state = 'failed' then 1 end) as lookup_failed,
       case when count(*) > 0
            then cast(count(case when lookup_state = 'found' then 1 end) as double) / count(*) end as coverage
from failed_tasks
where task_kind = $task_kind
  and occurred_at >= $from_time and occurred_at < $to_time
  and ($all_products or array_contains($business_products, business_product_id))
  and ($all_regions or array_contains($regions, region))
