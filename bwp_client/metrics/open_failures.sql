-- Failed tasks of the period with what the shop knows of them, one row per error code; the deadline is added afterwards.
select f.task_id,
       case when r.closed_at is not null then 'closed'
            when r.is_recovered then 'recovered'
            else 'open' end as state,
       c.code,
       f.occurred_at as failed_at,
       f.business_product_id,
       f.region,
       r.received_at,
       f.submitted_at,
       least(r.first_submitted_at, f.submitted_at) as first_submitted_at,
       f.holding_period_days,
       f.lookup_state,
       r.replaced_by,
       r.closed_at
from failed_tasks f
join failed_codes c on c.task_id = f.task_id and c.task_kind = f.task_kind
left join request_facts r on r.task_id = f.task_id
where f.task_kind = $task_kind
  and f.occurred_at >= $from_time and f.occurred_at < $to_time
  and ($all_products or array_contains($business_products, f.business_product_id))
  and ($all_regions or array_contains($regions, f.region))
  and ($all_codes or f.task_id in (
      select task_id from failed_codes where task_kind = $task_kind and array_contains($codes, code)
  ))
order by f.task_id, c.code
