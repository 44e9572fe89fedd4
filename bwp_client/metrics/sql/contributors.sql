{% from "_macros.sql" import in_either_period, selected, selected_code with context %}
-- The parts of the change of the failure rate against the period before.
-- Rows `product`: the change split exactly into mix (the product's share of all outcomes moved) and rate (the product itself
-- failed more or less often), after E. M. Kitagawa (1955): rate_effect weighs with the mean share of both periods, mix_effect
-- with how far the product's mean rate lies from the overall mean rate. Both effects over all products add up to the change.
-- A product with outcomes in one period only has no rate effect: all of its contribution is mix.
-- Rows `code_set`: failed tasks with exactly these codes ÷ all outcomes, now minus before; they add up to the change too.
-- A code filter narrows the failed tasks only. The effects are null when either period has fewer than $min_n outcomes.
with by_product as (
    select business_product_id,
           sum(case when bucket_start >= $from_time and outcome = 'FAILED' then tasks else 0 end) as all_failed,
           sum(case when bucket_start >= $from_time then tasks else 0 end) as n,
           sum(case when bucket_start < $from_time and outcome = 'FAILED' then tasks else 0 end) as previous_all_failed,
           sum(case when bucket_start < $from_time then tasks else 0 end) as previous_n
    from {{ product_counts }}
    where {{ selected() }}
      and has_denominator
      and {{ in_either_period("bucket_start") }}
    group by business_product_id
),
failures as (
    select distinct business_product_id, code_set, task_id, case when occurred_at >= $from_time then 1 else 0 end as is_now
    from failed_codes
    where {{ selected() }}
      and has_denominator
      and {{ in_either_period("occurred_at") }}
      and {{ selected_code() }}
),
coded as (
    select business_product_id, sum(is_now) as failed, sum(1 - is_now) as previous_failed
    from failures
    group by business_product_id
),
counted as (
    select p.business_product_id, cast(p.n as double) as n, cast(p.previous_n as double) as previous_n,
           cast(case when $all_codes then p.all_failed else coalesce(c.failed, 0) end as double) as failed,
           cast(case when $all_codes then p.previous_all_failed else coalesce(c.previous_failed, 0) end as double)
               as previous_failed
    from by_product p
    left join coded c on c.business_product_id = p.business_product_id
),
totals as (
    select sum(n) as all_n, sum(previous_n) as previous_all_n,
           case when sum(n) >= $min_n and sum(previous_n) >= $min_n then 1 else 0 end as is_rated,
           (sum(failed) / nullif(sum(n), 0) + sum(previous_failed) / nullif(sum(previous_n), 0)) / 2 as mean_rate
    from counted
),
weighed as (
    select c.business_product_id, c.n, c.previous_n, c.failed, c.previous_failed, t.is_rated, t.mean_rate,
           c.n / nullif(t.all_n, 0) as weight,
           c.previous_n / nullif(t.previous_all_n, 0) as previous_weight,
           case when c.n > 0 then c.failed / c.n else c.previous_failed / nullif(c.previous_n, 0) end as rate,
           case when c.previous_n > 0 then c.previous_failed / c.previous_n else c.failed / nullif(c.n, 0) end
               as previous_rate
    from counted c
    cross join totals t
),
effects as (
    select business_product_id, failed, n, previous_failed, previous_n,
           case when is_rated = 1 then (weight - previous_weight) * ((rate + previous_rate) / 2 - mean_rate) end
               as mix_effect,
           case when is_rated = 1 then (rate - previous_rate) * (weight + previous_weight) / 2 end as rate_effect
    from weighed
),
by_code_set as (
    select code_set, cast(sum(is_now) as double) as failed, cast(sum(1 - is_now) as double) as previous_failed
    from failures
    group by code_set
),
parts as (
    select 'product' as part, business_product_id, cast(null as varchar) as code_set, failed, n, previous_failed, previous_n,
           mix_effect, rate_effect, mix_effect + rate_effect as contribution
    from effects
    union all
    select 'code_set' as part, cast(null as varchar) as business_product_id, s.code_set, s.failed, t.all_n as n,
           s.previous_failed, t.previous_all_n as previous_n,
           cast(null as double) as mix_effect, cast(null as double) as rate_effect,
           case when t.is_rated = 1 then s.failed / t.all_n - s.previous_failed / t.previous_all_n end as contribution
    from by_code_set s
    cross join totals t
)
select part, business_product_id, code_set,
       cast(failed as bigint) as failed, cast(n as bigint) as n,
       cast(previous_failed as bigint) as previous_failed, cast(previous_n as bigint) as previous_n,
       mix_effect, rate_effect, contribution
from parts
order by part desc, contribution desc, business_product_id, code_set
