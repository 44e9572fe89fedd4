"""Is the picture complete? Days without events, products that went silent, and events that may be the same one twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import pandas as pd

from bwp_client.warehouse.snapshot import Snapshot

EXPECTED_EVENTS = 5
"""A day without events is a gap where its weekday has this many at the median."""

TWINS_SQL = """
with several as (
    select task_id, task_kind from outcomes where events_seen > 1
)
select e.task_id, e.event_type, min(e.occurred_at) as occurred_at, count(*) as events,
       count(distinct e.source_uri) as sources
from events e join several s on s.task_id = e.task_id and s.task_kind = e.task_kind
group by e.task_id, e.event_type, e.fingerprint
having count(distinct e.event_id) > 1
order by occurred_at desc, e.task_id
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row without a single event, where events were expected."""

    first_day: date
    last_day: date
    expected: float
    """What the weekdays' medians add up to."""


def gaps(snapshot: Snapshot) -> list[Gap]:
    """Find days without any event between the first and the last, where the weekday's median is 5 or more; newest first."""
    counts = {
        row[0].date(): int(row[1])
        for row in snapshot.rows("select bucket_start, sum(tasks) from daily_counts group by bucket_start")
    }
    if not counts:
        return []
    first, last = min(counts), max(counts)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    usual = {
        weekday: median(counts.get(day, 0) for day in days if day.weekday() == weekday)
        for weekday in {day.weekday() for day in days}
    }
    found: list[Gap] = []
    for day in days:
        expected = usual[day.weekday()]
        if day in counts or expected < EXPECTED_EVENTS:
            continue
        if found and found[-1].last_day == day - timedelta(days=1):
            found[-1] = Gap(found[-1].first_day, day, found[-1].expected + expected)
        else:
            found.append(Gap(day, day, expected))
    return found[::-1]


def last_heard(snapshot: Snapshot) -> pd.DataFrame:
    """Give, per business product and task kind, how many tasks failed and completed, and when each was last heard of.

    A product that never sent one of the two types has no time there: it is silent, which is not zero failures.
    Columns: business_product_id, task_kind, failed, completed, last_failed_at, last_completed_at.
    """
    return snapshot.frame(
        """
        select business_product_id, task_kind,
               count(*) filter (outcome = 'FAILED') as failed, count(*) filter (outcome = 'COMPLETED') as completed,
               max(occurred_at) filter (outcome = 'FAILED') as last_failed_at,
               max(occurred_at) filter (outcome = 'COMPLETED') as last_completed_at
        from outcomes group by business_product_id, task_kind order by count(*) desc, 1, 2
        """
    )


def twins(snapshot: Snapshot) -> pd.DataFrame:
    """Give events that say the same but for their ID: stored once for each ID, and counted once, for rates are by task.

    Columns: task_id, event_type, occurred_at, events, sources.
    """
    return snapshot.frame(TWINS_SQL)
