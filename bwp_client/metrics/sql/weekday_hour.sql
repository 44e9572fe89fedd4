{% from "_macros.sql" import counted_outcomes, weekday, wilson with context %}
-- The failure rate by weekday (1 is Monday) and hour, both UTC, with the 95 % Wilson interval.
-- A code filter narrows the numerator only. No row for a cell without outcomes; no rate for a cell with fewer than $min_n.
{% macro weekday_from_1(time) %}{{ weekday(time) }} + 1{% endmacro %}
{% macro hour(time) %}extract(hour from {{ time }}){% endmacro %}
with {{ counted_outcomes(hour_counts, {"weekday": weekday_from_1, "hour": hour}) }}
select cast(weekday as bigint) as weekday,
       cast(hour as bigint) as hour,
       cast(failed as bigint) as failed,
       cast(n as bigint) as n,
       {{ wilson("failed", "n") }}
from counted
order by weekday, hour
