{% from "_macros.sql" import selected_product, selected_region, weekday with context %}
-- Days of the period without a single event where the weekday's median over all data is 5 or more; consecutive days are one
-- row. A stopped archive lacks events of every kind and code, so only the filters on products and regions apply. Days before
-- the first event of all and whole days after the newest count too, as far as the run could have read them; purged days and
-- days before the first event of the selected products don't. No row when no day is missing.
with present as (
    select cast(bucket_start as date) as day, sum(tasks) as events
    from daily_counts
    where {{ selected_product() }}
      and {{ selected_region() }}
      and bucket_start <= $as_of
    group by cast(bucket_start as date)
),
span as (
    select min(day) as first_day, cast($newest_event_at as date) as last_day from present
),
bounds as (
    select first_day, last_day, cast($first_event_at as date) as first_day_of_all,
           least(first_day, greatest(cast($from_time as date), cast('2020-01-01' as date))) as begins_on,
           greatest(last_day, cast($as_of as date) - interval '1' day) as ends_on
    from span
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
    select cast(b.begins_on + n.number * interval '1' day as date) as day
    from bounds b cross join numbers n
    where n.number <= date_diff('day', b.begins_on, cast(b.ends_on as date))
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
    cross join span s
    where day >= s.first_day and day <= s.last_day
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
    cross join bounds b
    where c.events = 0 and u.median_events >= 5
      and (c.day >= b.first_day or c.day < b.first_day_of_all)
      and c.day >= cast($purged_before as date)
      and c.day >= cast($from_time as date) and cast(c.day as timestamp) < cast($to_time as timestamp)
)
select min(day) as first_day, max(day) as last_day, cast(count(*) as bigint) as days,
       cast(sum(median_events) as double) as expected
from missing
group by island
order by first_day
