-- Every region of an outcome.
select distinct region
from daily_counts
where region <> ''
order by region
