-- The outcome, the lookup state and the codes of the given tasks; a task without any of them has no row.
with named as (
    select task_id from outcomes where array_contains($task_ids, task_id)
    union
    select task_id from tasks where array_contains($task_ids, task_id)
    union
    select task_id from request_facts where array_contains($task_ids, task_id)
)
select n.task_id,
       coalesce(lower(o.outcome), case when r.task_id is not null then 'waiting' end) as known,
       o.occurred_at as at,
       coalesce(t.lookup_state, 'not_asked') as lookup_state,
       c.code_set as codes,
       coalesce(o.business_product_id, t.business_product_id, r.business_product_id) as business_product_id
from named n
left join (
    select task_id, outcome, occurred_at, business_product_id from outcomes where array_contains($task_ids, task_id)
) o on o.task_id = n.task_id
left join tasks t on t.task_id = n.task_id
left join (
    select distinct task_id, code_set from failed_codes where array_contains($task_ids, task_id)
) c on c.task_id = n.task_id
left join request_facts r on r.task_id = n.task_id
order by n.task_id
