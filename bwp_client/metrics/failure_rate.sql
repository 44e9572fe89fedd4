-- Failed tasks ÷ (failed + completed tasks) by outcome date, with the 95 % Wilson interval (E. B. Wilson, 1927).
-- Products without a single COMPLETED event are left out: their rate would be 100 % for want of a denominator.
-- A code filter narrows the numerator only.
with outcomes_in_period as (
    select date_trunc('bucket', bucket_start) as period_start,
           sum(case when outcome = 'FAILED' then tasks else 0 end) as all_failed,
           sum(case when outcome = 'COMPLETED' then tasks else 0 end) as completed
    from counts
    where task_kind = $task_kind
      and has_denominator
      and bucket_start >= $from_time and bucket_start < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('bucket', bucket_start)
),
coded as (
    select date_trunc('bucket', occurred_at) as period_start, count(distinct task_id) as coded_failed
    from failed_codes
    where task_kind = $task_kind
      and has_denominator
      and occurred_at >= $from_time and occurred_at < $to_time
      and array_contains($codes, code)
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by date_trunc('bucket', occurred_at)
),
counted as (
    select o.period_start,
           case when $all_codes then o.all_failed else coalesce(c.coded_failed, 0) end as failed,
           o.completed,
           o.all_failed + o.completed as n
    from outcomes_in_period o
    left join coded c on c.period_start = o.period_start
),
halves as (
    select period_start, failed, completed, n,
           (failed + 1.9207294103) / (n + 3.8414588207) as centre,
           1.9599639845 / (n + 3.8414588207)
               * sqrt(cast(failed as double) * (n - failed) / n + 0.9603647052) as half
    from counted
)
select period_start,
       cast(failed as bigint) as failed,
       cast(completed as bigint) as completed,
       cast(n as bigint) as n,
       case when n >= $min_n then cast(failed as double) / n end as rate,
       case when n >= $min_n then greatest(centre - half, 0.0) end as low,
       case when n >= $min_n then least(centre + half, 1.0) end as high
from halves
order by period_start
