{% from "_macros.sql" import bucket, counted_outcomes, wilson with context %}
-- Failed tasks ÷ (failed + completed tasks) by outcome date, with the 95 % Wilson interval.
-- Products without a single COMPLETED event are left out: their rate would be 100 % for want of a denominator.
-- A code filter narrows the numerator only. No row for a period without outcomes.
with {{ counted_outcomes(counts, {"period_start": bucket}) }}
select period_start,
       cast(failed as bigint) as failed,
       cast(completed as bigint) as completed,
       cast(n as bigint) as n,
       {{ wilson("failed", "n") }}
from counted
order by period_start
