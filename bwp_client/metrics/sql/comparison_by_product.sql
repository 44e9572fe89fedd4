-- The comparison of both periods for each rated business product with outcomes in either of them, as in period_comparison.
{% set keys = ["business_product_id"] %}
{% set table = product_counts %}
{% include "_period_comparison.sql" %}
