-- The tables of a snapshot that join the shop's requests with outcomes and lookups; docs/warehouse.md describes each. They
-- are small: they hold only tasks that a request names or that were looked up.

-- Pairs of a task and each later task that replaced it, directly or through others; `union` ends a circle.
create table replacements as
with recursive chain as (
    select task_id, replaced_by as later_id from requests where replaced_by is not null
    union
    select c.task_id, r.replaced_by from chain c join requests r on r.task_id = c.later_id where r.replaced_by is not null
)
select task_id, later_id from chain where later_id <> task_id;

create table named_outcomes as
select task_id, task_kind, business_product_id, outcome, occurred_at
from outcomes
where task_id in (select task_id from requests union select later_id from replacements);

-- One row per task that a request or a replacement names. A replacing task inherits the earliest receipt and submission of
-- the tasks it replaced, because the shopper's request came before all of them.
create table request_facts as
with named as (
    select task_id from requests union select later_id from replacements
),
earlier as (
    select x.later_id as task_id, min(r.received_at) as received_at, min(t.submitted_at) as first_submitted_at,
           min(r.task_kind) as task_kind, min(r.business_product_id) as business_product_id
    from replacements x
    join requests r on r.task_id = x.task_id
    left join tasks t on t.task_id = x.task_id
    group by x.later_id
),
seen as (
    select task_id, min(task_kind) as task_kind
    from (select task_id, task_kind from named_outcomes union all select task_id, task_kind from tasks)
    where task_id in (select task_id from named)
    group by task_id
),
recovered as (
    select distinct x.task_id
    from replacements x join named_outcomes o on o.task_id = x.later_id
    where o.outcome = 'COMPLETED'
)
select n.task_id,
       coalesce(r.task_kind, e.task_kind, s.task_kind, 'DELETION') as task_kind,
       coalesce(r.business_product_id, e.business_product_id) as business_product_id,
       least(r.received_at, e.received_at) as received_at,
       e.first_submitted_at,
       r.replaced_by, r.closed_at, r.note,
       v.task_id is not null as is_recovered,
       e.task_id is not null as is_replacement
from named n
left join requests r on r.task_id = n.task_id
left join earlier e on e.task_id = n.task_id
left join seen s on s.task_id = n.task_id
left join recovered v on v.task_id = n.task_id;

create table waiting_requests as
select f.task_id, f.task_kind, coalesce(f.business_product_id, t.business_product_id) as business_product_id,
       f.received_at, f.first_submitted_at, f.replaced_by, f.note, coalesce(t.lookup_state, 'not_asked') as lookup_state, t.status,
       t.submitted_at, t.holding_period_days, t.asked_at
from request_facts f
left join tasks t on t.task_id = f.task_id and t.task_kind = f.task_kind
where f.closed_at is null and not f.is_recovered and f.task_id not in (select task_id from named_outcomes);

-- When each request began, where that is known: the earliest of receipt and submission.
create table request_starts as
select coalesce(f.task_id, t.task_id) as task_id, coalesce(t.task_kind, f.task_kind) as task_kind,
       coalesce(t.business_product_id, f.business_product_id, '') as business_product_id,
       least(f.received_at, f.first_submitted_at, t.submitted_at) as start_at,
       f.received_at is not null as is_listed, coalesce(f.is_replacement, false) as is_replacement
from (select * from tasks where submitted_at is not null) t
full join request_facts f on f.task_id = t.task_id and f.task_kind = t.task_kind
where coalesce(f.received_at, f.first_submitted_at, t.submitted_at) is not null;

create table timed_completions as
select o.task_id, o.task_kind, o.business_product_id, coalesce(o.region, '') as region, o.occurred_at,
       (epoch(o.occurred_at) - epoch(s.start_at)) / 86400.0 as days
from outcomes o join request_starts s on s.task_id = o.task_id and s.task_kind = o.task_kind
where o.outcome = 'COMPLETED';
