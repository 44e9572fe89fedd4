{#
Macros that the metrics share. The engine binds the parameters, which begin with a dollar sign. Jinja supplies `bucket_unit`
and the tables `counts`, `product_counts` and `hour_counts`: the smallest summaries that give exact counts.
In the 95 % intervals, z is 1.9599639845: the normal distribution's 97.5 % point.
#}
{% set Z_SQUARED = "3.8414588207" %}

{# The condition of all filters but the period and the codes; `table` is the alias of a table with these columns. #}
{% macro selected(table="") -%}
{{ column(table, "task_kind") }} = $task_kind
      and {{ selected_product(table) }}
      and {{ selected_region(table) }}
{%- endmacro %}

{% macro selected_product(table="") -%}
($all_products or array_contains($business_products, {{ column(table, "business_product_id") }}))
{%- endmacro %}

{% macro selected_region(table="") -%}
($all_regions or array_contains($regions, {{ column(table, "region") }}))
{%- endmacro %}

{% macro column(table, name) -%}
{{ table ~ "." if table }}{{ name }}
{%- endmacro %}

{% macro in_period(time) -%}
{{ time }} >= $from_time and {{ time }} < $to_time
{%- endmacro %}

{% macro in_period_before(time) -%}
{{ time }} >= $before_time and {{ time }} < $from_time
{%- endmacro %}

{% macro in_either_period(time) -%}
{{ time }} >= $before_time and {{ time }} < $to_time
{%- endmacro %}

{# The condition of the code filter, for rows of failed_codes. #}
{% macro selected_code() -%}
($all_codes or array_contains($codes, code))
{%- endmacro %}

{# The condition of the code filter, for rows of other tables: the task failed with one of the codes. #}
{% macro failed_with_selected_code(task_id) -%}
($all_codes or {{ task_id }} in (
          select task_id from failed_codes where task_kind = $task_kind and array_contains($codes, code)
      ))
{%- endmacro %}

{% macro bucket(time) -%}
date_trunc('{{ bucket_unit }}', {{ time }})
{%- endmacro %}

{# 0 is Monday, as 1 January 2018 was. #}
{% macro weekday(time) -%}
mod(date_diff('day', cast('2018-01-01' as date), cast({{ time }} as date)), 7)
{%- endmacro %}

{# The Wilson interval of failed ÷ n (E. B. Wilson, 1927). #}
{% macro wilson_centre(failed, n) -%}
({{ failed }} + 1.9207294103) / ({{ n }} + {{ Z_SQUARED }})
{%- endmacro %}

{% macro wilson_half_width(failed, n) -%}
1.9599639845 / ({{ n }} + {{ Z_SQUARED }})
               * sqrt(cast({{ failed }} as double) * ({{ n }} - {{ failed }}) / {{ n }} + 0.9603647052)
{%- endmacro %}

{# The columns rate, low and high; null where there are too few outcomes to rate. #}
{% macro wilson(failed, n, is_rated="", prefix="") -%}
{%- set rated = is_rated or n ~ " >= $min_n" -%}
case when {{ rated }} then cast({{ failed }} as double) / {{ n }} end as {{ prefix }}rate,
       case when {{ rated }} then greatest(
           {{ wilson_centre(failed, n) }} - {{ wilson_half_width(failed, n) }}, 0.0) end as {{ prefix }}low,
       case when {{ rated }} then least(
           {{ wilson_centre(failed, n) }} + {{ wilson_half_width(failed, n) }}, 1.0) end as {{ prefix }}high
{%- endmacro %}

{#
Common table expressions up to `counted`: per key, the tasks that failed (with the selected codes), that completed, and n, all
outcomes. `keys` maps the name of each key to a macro that computes the key from a time. Products without a denominator are
left out.
#}
{% macro counted_outcomes(table, keys) -%}
all_outcomes as (
    select {% for name, of in keys.items() %}{{ of("bucket_start") }} as {{ name }},
           {% endfor %}sum(case when outcome = 'FAILED' then tasks else 0 end) as all_failed,
           sum(case when outcome = 'COMPLETED' then tasks else 0 end) as completed
    from {{ table }}
    where {{ selected() }}
      and has_denominator
      and {{ in_period("bucket_start") }}
    group by {% for of in keys.values() %}{{ of("bucket_start") }}{{ ", " if not loop.last }}{% endfor %}
),
coded as (
    select {% for name, of in keys.items() %}{{ of("occurred_at") }} as {{ name }},
           {% endfor %}count(distinct task_id) as failed
    from failed_codes
    where {{ selected() }}
      and has_denominator
      and {{ in_period("occurred_at") }}
      and array_contains($codes, code)
    group by {% for of in keys.values() %}{{ of("occurred_at") }}{{ ", " if not loop.last }}{% endfor %}
),
counted as (
    select {% for name in keys %}o.{{ name }}, {% endfor %}o.completed, o.all_failed + o.completed as n,
           case when $all_codes then o.all_failed else coalesce(c.failed, 0) end as failed
    from all_outcomes o
    left join coded c on {% for name in keys %}c.{{ name }} = o.{{ name }}{{ " and " if not loop.last }}{% endfor %}
)
{%- endmacro %}

{# The state of a failed task (open, recovered or closed); r is its row of request_facts. #}
{% macro failure_state() -%}
case when r.closed_at is not null then 'closed'
            when r.is_recovered then 'recovered'
            else 'open' end
{%- endmacro %}
