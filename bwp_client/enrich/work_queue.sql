-- The tasks to ask about, with the priority in which to ask: failed and not asked since; failed and due again; open requests of
-- the shop's list without an event; completed; and tasks without a credential. A lookup of attempt 0 never reached the API.
-- A lookup that is older than the task's failure says nothing about this failure, whatever it found. A failure in the future
-- is left until its time has come; otherwise it would be newer than each answer about it. Tasks older than the purge floor are
-- left out. If task IDs are given, only these tasks are selected, even before their next attempt is due.
--
-- Tasks of equal priority are ordered by deadline: first the future deadlines, the nearest first, then the missed deadlines,
-- the most recent first.
create temp table candidate as
with listed as (
    select task_id, coalesce(task_kind, 'DELETION') as task_kind, max(business_product_id) as business_product_id,
           max(received_at) as received_at, max(closed_at) as closed_at
    from {requests} where task_id is not null group by 1, 2
),
tasks as (
    select o.task_id, o.task_kind, o.business_product_id, o.outcome, o.occurred_at, r.received_at
    from {outcomes} o left join listed r on r.task_id = o.task_id and r.task_kind = o.task_kind
    where (o.outcome = 'FAILED' or $completed or $named) and o.occurred_at >= $floor
    union all
    select r.task_id, r.task_kind, r.business_product_id, 'WAITING', null, r.received_at
    from listed r where r.closed_at is null and not exists (select 1 from {outcomes} o where o.task_id = r.task_id)
),
dated as (
    select l.task_id, l.task_kind, l.business_product_id, l.lookup_state, l.status, l.submitted_at, l.asked_at, l.attempt,
           l.next_attempt_at, l.reason,
           coalesce(l.asked_at < t.occurred_at and t.occurred_at <= $now, false) as is_outdated
    from {lookups} l left join tasks t on t.task_id = l.task_id and t.task_kind = l.task_kind and t.outcome = 'FAILED'
),
latest as (
    select * from dated
    qualify row_number() over (
        partition by task_id, task_kind
        order by case when lookup_state = 'found' and not is_outdated then 1 else 0 end desc, asked_at desc, attempt desc
    ) = 1
),
ranked as (
    select t.task_id, t.task_kind,
           coalesce(t.business_product_id, case when l.status is not null then l.business_product_id end, '')
               as business_product_id,
           t.occurred_at, least(t.received_at, l.submitted_at, t.occurred_at) as counted_from,
           coalesce(l.attempt, 0) as attempts, l.lookup_state, l.reason, l.asked_at,
           case when l.task_id is null then 0
                when l.attempt = 0 then 1
                when l.is_outdated then 0
                when l.lookup_state = 'found' then null
                when l.next_attempt_at <= $now or $named then 1
                when l.next_attempt_at is null and $retry_failed then 2
           end as retry_rank,
           case t.outcome when 'FAILED' then 0 when 'WAITING' then 10 else 20 end
               + case when list_contains($without_credential::varchar[], t.business_product_id) then 100 else 0 end as group_rank
    from tasks t
    left join latest l on l.task_id = t.task_id and l.task_kind = t.task_kind
    where not $named or list_contains($tasks::varchar[], t.task_id)
)
select *, group_rank + retry_rank as priority, (timezone($zone, counted_from))::date as counted_day
from ranked where retry_rank is not null;
