{% from "_macros.sql" import selected_product, selected_region, weekday with context %}
-- Days of the period without a single event where the weekday's median over all data is 5 or more; consecutive days are one
-- row. A stopped archive lacks events of every kind and code, so only the filters on products and regions apply.
-- No row when no day is missing.
with present as (
    select cast(bucket_start as date) as day, sum(tasks) as events
    from daily_counts
    where {{ selected_product() }}
      and {{ selected_region() }}
    group by cast(bucket_start as date)
),
span as (
    select (select min(day) from present) as first_day, max(cast(bucket_start as date)) as last_day from daily_counts
),
digits as (
    select 0 as digit union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
),
numbers as (
    select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit as number
    from digits a cross join digits b cross join digits c cross join digits d
),
calendar as (
    select cast(s.first_day + n.number * interval '1' day as date) as day
    from span s cross join numbers n
    where n.number <= date_diff('day', s.first_day, s.last_day)
),
counted as (
    select c.day, {{ weekday("c.day") }} as weekday, coalesce(p.events, 0) as events
    from calendar c
    left join present p on p.day = c.day
),
ranked as (
    select weekday, events, row_number() over (partition by weekday order by events) as nth,
           count(*) over (partition by weekday) as days
    from counted
),
usual as (
    select weekday, avg(case when 2 * nth >= days and 2 * nth <= days + 2 then events end) as median_events
    from ranked
    group by weekday
),
missing as (
    select c.day, u.median_events,
           date_diff('day', cast('2018-01-01' as date), c.day) - row_number() over (order by c.day) as island
    from counted c
    join usual u on u.weekday = c.weekday
    where c.events = 0 and u.median_events >= 5
      and c.day >= cast($from_time as date) and cast(c.day as timestamp) < cast($to_time as timestamp)
)
select min(day) as first_day, max(day) as last_day, cast(count(*) as bigint) as days,
       cast(sum(median_events) as double) as expected
from missing
group by island
order by first_day
