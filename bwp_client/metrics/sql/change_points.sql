{% from "_macros.sql" import counted_outcomes with context %}
-- Failed tasks and all outcomes by day: the series in which `change_points.py` looks for changes of the failure rate.
-- A code filter narrows the numerator only. No row for a day without outcomes.
{% macro day(time) %}date_trunc('day', {{ time }}){% endmacro %}
with {{ counted_outcomes(counts, {"day": day}) }}
select day, cast(failed as bigint) as failed, cast(n as bigint) as n
from counted
order by day
