{% from "_macros.sql" import in_period, selected with context %}
-- Found ÷ failed tasks, and how many lookups are in each other state. One row; coverage is null when no task failed.
select count(*) as failed,
       count(case when lookup_state = 'found' then 1 end) as found,
       count(case when lookup_state = 'not_asked' then 1 end) as not_asked,
       count(case when lookup_state = 'pending' then 1 end) as pending,
       count(case when lookup_state = 'not_found' then 1 end) as not_found,
       count(case when lookup_state = 'denied' then 1 end) as denied,
       count(case when lookup_state = 'failed' then 1 end) as lookup_failed,
       case when count(*) > 0
            then cast(count(case when lookup_state = 'found' then 1 end) as double) / count(*) end as coverage
from failed_tasks
where {{ selected() }}
  and {{ in_period("occurred_at") }}
