{% from "_macros.sql" import in_either_period, selected, wilson with context %}
{# The body of both comparisons; `keys` are the columns that they are split by. #}
with labelled as (
    select {% for key in keys %}{{ key }}, {% endfor %}outcome, tasks,
           case when bucket_start >= $from_time then 'current' else 'previous' end as period
    from {{ table }}
    where {{ selected() }}
      and has_denominator
      and {{ in_either_period("bucket_start") }}
),
coded as (
    select {% for key in keys %}{{ key }}, {% endfor %}
           count(distinct case when occurred_at >= $from_time then task_id end) as failed,
           count(distinct case when occurred_at < $from_time then task_id end) as previous_failed
    from failed_codes
    where {{ selected() }}
      and has_denominator
      and {{ in_either_period("occurred_at") }}
      and array_contains($codes, code)
    {{ "group by " ~ keys | join(", ") if keys }}
),
summed as (
    select {% for key in keys %}{{ key }}, {% endfor %}
           coalesce(sum(case when period = 'current' and outcome = 'FAILED' then tasks end), 0) as failed,
           coalesce(sum(case when period = 'current' and outcome = 'COMPLETED' then tasks end), 0) as completed,
           coalesce(sum(case when period = 'current' then tasks end), 0) as n,
           coalesce(sum(case when period = 'previous' and outcome = 'FAILED' then tasks end), 0) as previous_failed,
           coalesce(sum(case when period = 'previous' and outcome = 'COMPLETED' then tasks end), 0) as previous_completed,
           coalesce(sum(case when period = 'previous' then tasks end), 0) as previous_n
    from labelled
    {{ "group by " ~ keys | join(", ") if keys }}
),
counted as (
    select {% for key in keys %}s.{{ key }}, {% endfor %}s.completed, s.n, s.previous_completed, s.previous_n,
           case when $all_codes then s.failed else coalesce(c.failed, 0) end as failed,
           case when $all_codes then s.previous_failed else coalesce(c.previous_failed, 0) end as previous_failed
    from summed s
    {% if keys %}
    left join coded c on {% for key in keys %}c.{{ key }} = s.{{ key }}{{ " and " if not loop.last }}{% endfor %}
    {% else %}
    cross join coded c
    {% endif %}
),
rated as (
    select {% for key in keys %}{{ key }}, {% endfor %}failed, completed, n, previous_failed, previous_completed, previous_n,
       {{ wilson("failed", "n") }},
       {{ wilson("previous_failed", "previous_n", prefix="previous_") }}
    from counted
)
select {% for key in keys %}{{ key }}, {% endfor %}
       cast(failed as bigint) as failed, cast(completed as bigint) as completed, cast(n as bigint) as n,
       rate, low, high,
       cast(previous_failed as bigint) as previous_failed, cast(previous_completed as bigint) as previous_completed,
       cast(previous_n as bigint) as previous_n, previous_rate, previous_low, previous_high,
       rate - previous_rate as difference,
       rate - previous_rate - sqrt((rate - low) * (rate - low)
           + (previous_high - previous_rate) * (previous_high - previous_rate)) as difference_low,
       rate - previous_rate + sqrt((high - rate) * (high - rate)
           + (previous_rate - previous_low) * (previous_rate - previous_low)) as difference_high
from rated
{% if keys %}
order by failed desc, {{ keys | join(", ") }}
{% endif %}
