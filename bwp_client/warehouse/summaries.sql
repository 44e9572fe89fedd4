-- The tables of a snapshot that summarise outcomes and lookups; docs/warehouse.md describes each.

-- One scan of the outcomes, from which the following tables are made.
create table hourly_outcomes as
select make_timestamptz(epoch_us(occurred_at) - epoch_us(occurred_at) % 3600000000) as bucket_start,
       business_product_id, task_kind, coalesce(region, '') as region, outcome, count(*) as tasks,
       bool_or(conflicting) as conflicting, min(occurred_at) as first_at, max(occurred_at) as last_at
from outcomes group by all;

create table product_kinds as
select business_product_id, task_kind, cast(sum(tasks) as bigint) as tasks,
       cast(coalesce(sum(tasks) filter (outcome = 'FAILED'), 0) as bigint) as failed,
       bool_or(outcome = 'COMPLETED' or conflicting) as has_denominator,
       min(first_at) as first_at,
       max(last_at) as last_at
from hourly_outcomes group by business_product_id, task_kind;

create table product_hourly_counts as
select bucket_start, business_product_id, task_kind, region, outcome, has_denominator, h.tasks
from hourly_outcomes h join product_kinds p using (business_product_id, task_kind);

drop table hourly_outcomes;

create view exact_counts as
select o.occurred_at as bucket_start, o.business_product_id, o.task_kind, coalesce(o.region, '') as region, o.outcome,
       p.has_denominator, 1 as tasks
from outcomes o join product_kinds p using (business_product_id, task_kind);

create table hourly_counts as
select bucket_start, cast(null as varchar) as business_product_id, task_kind, region, outcome, has_denominator,
       cast(sum(tasks) as bigint) as tasks
from product_hourly_counts group by all;

create table daily_counts as
select cast(date_trunc('day', bucket_start) as timestamptz) as bucket_start, business_product_id, task_kind, region,
       outcome, has_denominator, cast(sum(tasks) as bigint) as tasks
from product_hourly_counts group by all;

-- Hours of the first and of the newest outcome; what lies in the future does not show that events still arrive.
create table outcome_spans as
select business_product_id, task_kind, region, outcome, cast(sum(tasks) as bigint) as tasks,
       min(bucket_start) as first_at,
       max(bucket_start) filter (bucket_start <= cast({run_finished_at} as timestamptz)) as newest_at
from product_hourly_counts group by all;

create table tasks as
select * from lookups
qualify row_number() over (
    partition by task_id, task_kind
    order by case when lookup_state = 'found' then 1 else 0 end desc, asked_at desc, attempt desc
) = 1;

create table failed_tasks as
select o.task_id, o.task_kind, o.business_product_id, coalesce(o.region, '') as region, o.occurred_at, o.conflicting,
       o.events_seen, p.has_denominator, coalesce(t.lookup_state, 'not_asked') as lookup_state, t.status,
       t.submitted_at, t.updated_at, t.holding_period_days, t.errors, t.asked_at, t.next_attempt_at, t.reason, case
           when coalesce(t.lookup_state, 'not_asked') <> 'found' then [{not_looked_up}]
           when coalesce(len(t.errors), 0) = 0 then [{uncoded}]
           else list_sort(list_distinct(
               list_transform(t.errors, lambda e: coalesce(nullif(trim(e.code), ''), {uncoded}))))
       end as codes
from outcomes o
join product_kinds p using (business_product_id, task_kind)
left join tasks t on t.task_id = o.task_id and t.task_kind = o.task_kind
where o.outcome = 'FAILED';

create table failed_codes as
select unnest(codes) as code, array_to_string(codes, ' + ') as code_set, len(codes) as codes_in_set,
       task_id, task_kind, business_product_id, region, occurred_at, has_denominator
from failed_tasks;

create table timed_tasks as
select o.task_id, o.task_kind, o.business_product_id, coalesce(o.region, '') as region, o.outcome, o.occurred_at,
       least(t.submitted_at, o.occurred_at) as submitted_at,
       greatest(epoch_us(o.occurred_at) - epoch_us(t.submitted_at), 0) / 1e6 as seconds
from outcomes o join tasks t on t.task_id = o.task_id and t.task_kind = o.task_kind
where t.lookup_state = 'found' and t.submitted_at is not null;
