-- Failed tasks and all outcomes by day: what `changes.py` looks for changes of the failure rate in.
-- A code filter narrows the numerator only.
with outcomes_by_day as (
    select date_trunc('day', bucket_start) as day,
           sum(case when outcome = 'FAILED' then tasks else 0 end) as all_failed,
           sum(tasks) as n
    from counts
    where task_kind = $task_kind
      and has_denominator
      and bucket_start >= $from_time and bucket_start < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('day', bucket_start)
),
coded as (
    select date_trunc('day', occurred_at) as day, count(distinct task_id) as coded_failed
    from failed_codes
    where task_kind = $task_kind
      and has_denominator
      and occurred_at >= $from_time and occurred_at < $to_time
      and array_contains($codes, code)
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('day', occurred_at)
)
select o.day,
       cast(case when $all_codes then o.all_failed else coalesce(c.coded_failed, 0) end as bigint) as failed,
       cast(o.n as bigint) as n
from outcomes_by_day o
left join coded c on c.day = o.day
order by o.day
