-- What a yearly disclosure asks for (11 CCR § 7102): requests received as far as known, tasks completed and failed, and how
-- many days completing took. A request that was submitted again counts once. The median lies between the two middle ones
-- where their number is even.
with known as (
    select case when is_listed then 1 else 0 end as listed
    from request_starts
    where task_kind = $task_kind
      and not is_replacement
      and start_at >= $from_time and start_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
),
received as (
    select count(*) as received, coalesce(sum(listed), 0) as listed from known
),
ended as (
    select coalesce(sum(case when outcome = 'COMPLETED' then tasks end), 0) as completed,
           coalesce(sum(case when outcome = 'FAILED' then tasks end), 0) as failed
    from counts
    where task_kind = $task_kind
      and bucket_start >= $from_time and bucket_start < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
placed as (
    select days, row_number() over (order by days, task_id) as place, count(*) over () as n
    from timed_completions
    where task_kind = $task_kind
      and occurred_at >= $from_time and occurred_at < $to_time
      and ($all_products or array_contains($business_products, business_product_id))
      and ($all_regions or array_contains($regions, region))
),
times as (
    select count(*) as timed,
           avg(case when 2 * place >= n and 2 * place <= n + 2 then days end) as median_days,
           avg(days) as mean_days
    from placed
)
select r.received, cast(r.listed as bigint) as listed, cast(e.completed as bigint) as completed,
       cast(e.failed as bigint) as failed, t.timed, t.median_days, t.mean_days
from received r cross join ended e cross join times t
