-- Which tasks to ask about, and in which order: failed and never asked, failed and due again, completed; within each the
-- newest first. An attempt of 0 never reached the API (no credential), so it counts as never asked. A task found COMPLETED
-- that failed afterwards is asked about again.
create temp table todo as
with latest as (
    select task_id, task_kind, lookup_state, status, asked_at, attempt, next_attempt_at, reason
    from {lookups}
    qualify row_number() over (
        partition by task_id, task_kind
        order by case when lookup_state = 'found' then 1 else 0 end desc, asked_at desc, attempt desc
    ) = 1
),
ranked as (
    select o.task_id, o.task_kind, o.business_product_id, o.occurred_at, coalesce(l.attempt, 0) as attempts,
           l.lookup_state, l.reason,
           case when o.outcome = 'FAILED' then 0 else 10 end + case
               when l.task_id is null or l.attempt = 0 then 1
               when l.lookup_state = 'found' then
                   case when o.outcome = 'FAILED' and l.status = 'COMPLETED' and l.asked_at < o.occurred_at then 1 end
               when l.next_attempt_at <= $now then 2
               when l.next_attempt_at is null and $retry_failed then 3
           end as rank
    from {outcomes} o
    left join latest l on l.task_id = o.task_id and l.task_kind = o.task_kind
    where o.outcome = 'FAILED' or $completed
)
select row_number() over (order by rank, occurred_at desc, task_id) as place,
       task_id, task_kind, business_product_id, attempts, lookup_state, reason
from ranked where rank is not null
