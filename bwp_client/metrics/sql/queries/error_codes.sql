-- Every error code of a failed task, in the order first seen.
select code
from failed_codes
group by code
order by min(occurred_at), code
