-- Records first seen before the floor go. Records that name a removed task, in a path or as a text, lose their excerpt and
-- bytes; records that can't be read again lose their bytes after some days.
with naming as (
    select excerpt from (
        select excerpt, unnest(regexp_split_to_array(excerpt, '["/\s]')) as word from {{ table }}
    )
    where {{ normal_id("word") }} in (select task_id from {{ removed_tasks }})
)
select * replace (
           case when is_expired or names_removed then null else raw end as raw,
           case when names_removed then '{{ purged_text }}' else excerpt end as excerpt
       ),
       not is_removed and (is_expired or names_removed) as is_changed
from (
    select *, seen_at < $before as is_removed, seen_at < $raw_before and raw is not null as is_expired,
           coalesce(excerpt in (select excerpt from naming), false) as names_removed
    from {{ table }}
)
