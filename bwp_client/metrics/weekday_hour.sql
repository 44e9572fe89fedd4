-- The failure rate by weekday (1 is Monday) and hour, both UTC, with the 95 % Wilson interval.
-- A code filter narrows the numerator only.
with outcomes_by_hour as (
    select mod(date_diff('day', cast('2018-01-01' as date), cast(bucket_start as date)), 7) + 1 as weekday,
           extract(hour from bucket_start) as hour,
           sum(case when outcome = 'FAILED' then tasks else 0 end) as all_failed,
           sum(tasks) as n
    from hour_counts
    where task_kind = $task_kind
      and has_denominator
      and bucket_start >= $from_time and bucket_start < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by mod(date_diff('day', cast('2018-01-01' as date), cast(bucket_start as date)), 7) + 1,
             extract(hour from bucket_start)
),
coded as (
    select mod(date_diff('day', cast('2018-01-01' as date), cast(occurred_at as date)), 7) + 1 as weekday,
           extract(hour from occurred_at) as hour,
           count(distinct task_id) as coded_failed
    from failed_codes
    where task_kind = $task_kind
      and has_denominator
      and occurred_at >= $from_time and occurred_at < $to_time
      and array_contains($codes, code)
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
    group by mod(date_diff('day', cast('2018-01-01' as date), cast(occurred_at as date)), 7) + 1,
             extract(hour from occurred_at)
),
counted as (
    select o.weekday, o.hour, case when $all_codes then o.all_failed else coalesce(c.coded_failed, 0) end as failed, o.n
    from outcomes_by_hour o
    left join coded c on c.weekday = o.weekday and c.hour = o.hour
),
halves as (
    select weekday, hour, failed, n,
           (failed + 1.9207294103) / (n + 3.8414588207) as centre,
           1.9599639845 / (n + 3.8414588207)
               * sqrt(cast(failed as double) * (n - failed) / n + 0.9603647052) as half
    from counted
)
select cast(weekday as bigint) as weekday,
       cast(hour as bigint) as hour,
       cast(failed as bigint) as failed,
       cast(n as bigint) as n,
       case when n >= $min_n then cast(failed as double) / n end as rate,
       case when n >= $min_n then greatest(centre - half, 0.0) end as low,
       case when n >= $min_n then least(centre + half, 1.0) end as high
from halves
order by weekday, hour
