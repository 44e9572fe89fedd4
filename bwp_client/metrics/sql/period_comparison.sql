-- The period against the period of the same length just before it: both rates with 95 % Wilson intervals, and their
-- difference with Newcombe's interval (R. G. Newcombe, 1998, method 10), which combines both intervals. One row; null where
-- either period has too few outcomes to rate. A code filter narrows the numerators only.
{% set keys = [] %}
{% set table = counts %}
{% include "_period_comparison.sql" %}
