-- The period against the one of the same length just before it: both rates with 95 % Wilson intervals, and their difference
-- with Newcombe's interval (R. G. Newcombe, 1998, method 10), which combines the two.
with labelled as (
    select case when bucket_start >= $from_time then 'current' else 'previous' end as period, outcome, tasks
    from counts
    where task_kind = $task_kind
      and has_denominator
      and bucket_start >= $before_time and bucket_start < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
coded as (
    select count(distinct case when occurred_at >= $from_time then task_id end) as current_failed,
           count(distinct case when occurred_at < $from_time then task_id end) as previous_failed
    from failed_codes
    where task_kind = $task_kind
      and has_denominator
      and occurred_at >= $before_time and occurred_at < $to_time
      and array_contains($codes, code)
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
summed as (
    select coalesce(sum(case when period = 'current' and outcome = 'FAILED' then tasks end), 0) as failed,
           coalesce(sum(case when period = 'current' and outcome = 'COMPLETED' then tasks end), 0) as completed,
           coalesce(sum(case when period = 'current' then tasks end), 0) as n,
           coalesce(sum(case when period = 'previous' and outcome = 'FAILED' then tasks end), 0) as previous_failed,
           coalesce(sum(case when period = 'previous' and outcome = 'COMPLETED' then tasks end), 0) as previous_completed,
           coalesce(sum(case when period = 'previous' then tasks end), 0) as previous_n
    from labelled
),
counted as (
    select case when $all_codes then s.failed else c.current_failed end as failed,
           s.completed, s.n,
           case when $all_codes then s.previous_failed else c.previous_failed end as previous_failed,
           s.previous_completed, s.previous_n
    from summed s cross join coded c
),
rates as (
    select failed, completed, n, previous_failed, previous_completed, previous_n,
           case when n >= $min_n then cast(failed as double) / n end as rate,
           case when previous_n >= $min_n then cast(previous_failed as double) / previous_n end as previous_rate,
           (failed + 1.9207294103) / (n + 3.8414588207) as centre,
           (previous_failed + 1.9207294103) / (previous_n + 3.8414588207) as previous_centre,
           case when n >= $min_n then 1.9599639845 / (n + 3.8414588207)
               * sqrt(cast(failed as double) * (n - failed) / n + 0.9603647052) end as half,
           case when previous_n >= $min_n then 1.9599639845 / (previous_n + 3.8414588207)
               * sqrt(cast(previous_failed as double) * (previous_n - previous_failed) / previous_n + 0.9603647052)
               end as previous_half
    from counted
),
bounds as (
    select failed, completed, n, rate, previous_failed, previous_completed, previous_n, previous_rate,
           greatest(centre - half, 0.0) as low, least(centre + half, 1.0) as high,
           greatest(previous_centre - previous_half, 0.0) as previous_low,
           least(previous_centre + previous_half, 1.0) as previous_high
    from rates
)
select cast(failed as bigint) as failed, cast(completed as bigint) as completed, cast(n as bigint) as n, rate,
       case when rate is not null then low end as low, case when rate is not null then high end as high,
       cast(previous_failed as bigint) as previous_failed, cast(previous_completed as bigint) as previous_completed,
       cast(previous_n as bigint) as previous_n, previous_rate,
       case when previous_rate is not null then previous_low end as previous_low,
       case when previous_rate is not null then previous_high end as previous_high,
       rate - previous_rate as difference,
       case when rate is not null and previous_rate is not null then
           rate - previous_rate - sqrt((rate - low) * (rate - low)
               + (previous_high - previous_rate) * (previous_high - previous_rate)) end as difference_low,
       case when rate is not null and previous_rate is not null then
           rate - previous_rate + sqrt((high - rate) * (high - rate)
               + (previous_rate - previous_low) * (previous_rate - previous_low)) end as difference_high
from bounds
