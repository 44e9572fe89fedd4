-- Events that differ in nothing but their event ID.
with several as (
    select task_id, task_kind from outcomes where events_seen > 1
)
select e.task_id, e.event_type, min(e.occurred_at) as occurred_at, count(*) as events,
       count(distinct e.source_uri) as sources
from events e
join several s on s.task_id = e.task_id and s.task_kind = e.task_kind
group by e.task_id, e.event_type, e.fingerprint
having count(distinct e.event_id) > 1
order by occurred_at desc, e.task_id
