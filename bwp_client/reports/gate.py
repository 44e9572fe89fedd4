"""The conditions of publication; each reason for a refusal names the limit and the value that missed it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bwp_client.metrics.wording import moment, percent
from bwp_client.reports.content import Content
from bwp_client.reports.quiet import doubt_of_quiet
from bwp_client.reports.spec import ReportSpec, WarehouseFacts

BLANK_PICTURE = "a picture is blank: "
TOO_EARLY = "too early: "


def refusal_reasons(
    spec: ReportSpec,
    facts: WarehouseFacts,
    content: Content,
    picture_faults: Sequence[str],
    *,
    waits_for_data: bool = False,
) -> tuple[str, ...]:
    """Return every reason for refusing a report; an empty tuple if it may be published.

    Args:
        spec: The report, with its limits of age and coverage.
        facts: The outcomes counted in the tables and in the events.
        content: The figures of the report.
        picture_faults: The pictures that came out blank.
        waits_for_data: Refuse a report as long as the data don't reach beyond the end of its period.
    """
    return tuple(
        reason
        for reason in (
            _empty(spec, facts, content),
            *(f"cut: {clause}." for clause in content.partial),
            _too_early(spec, facts) if waits_for_data else None,
            _stale(spec, content),
            _incomplete_lookups(spec, content),
            _different_counts(facts, content),
            f"{BLANK_PICTURE}{', '.join(picture_faults)}." if picture_faults else None,
        )
        if reason
    )


def _empty(spec: ReportSpec, facts: WarehouseFacts, content: Content) -> str | None:
    doubt = None if any(content.outcomes.values()) else doubt_of_quiet(spec, facts, content)
    return f"empty: not one task of this kind ended in the period, and {doubt}" if doubt else None


def _too_early(spec: ReportSpec, facts: WarehouseFacts) -> str | None:
    end, newest = spec.period.to_time, facts.newest_event_at
    if facts.reach_beyond(end):
        return None
    if facts.run_finished_at < end:
        data = f"the data were read on {moment(facts.run_finished_at)} UTC"
    else:
        data = f"the newest event is of {moment(newest)} UTC" if newest else "no event was loaded"
    return (
        f"{TOO_EARLY}{data}, before the period's end ({moment(end)} UTC), so events of the period may still come. The report "
        "is published by the next run with --catch-up after a later event was loaded."
    )


def _stale(spec: ReportSpec, content: Content) -> str | None:
    if content.newest_event_at is None:
        return None
    hours = (spec.as_of - content.newest_event_at).total_seconds() / 3600
    if hours <= spec.max_stale_hours:
        return None
    return (
        f"stale: the newest event is {hours:,.0f} h older than {spec.as_of:%d %b %Y %H:%M} UTC, more than the "
        f"{spec.max_stale_hours:,.0f} h allowed (BWP_REPORT__MAX_STALE_HOURS). Load newer events."
    )


def _incomplete_lookups(spec: ReportSpec, content: Content) -> str | None:
    coverage = content.coverage["coverage"]
    if pd.isna(coverage) or coverage >= spec.min_lookup_coverage:
        return None
    return (
        f"incomplete lookups: the reasons of {content.coverage['found']:,} of {content.coverage['failed']:,} failed tasks "
        f"are known ({percent(coverage)}), fewer than the {percent(spec.min_lookup_coverage)} wanted "
        "(BWP_REPORT__MIN_LOOKUP_COVERAGE). Run enrich."
    )


def _different_counts(facts: WarehouseFacts, content: Content) -> str | None:
    if facts.counted == content.outcomes == facts.from_events:
        return None
    return (
        f"counts differ: the tables hold {_in_words(facts.counted)}, their events give {_in_words(facts.from_events)}, and "
        f"this report counts {_in_words(content.outcomes)}. Run maintain --rebuild, then try again."
    )


def _in_words(tasks_by_outcome: dict[str, int]) -> str:
    return f"{tasks_by_outcome['FAILED']:,} failed and {tasks_by_outcome['COMPLETED']:,} completed"
