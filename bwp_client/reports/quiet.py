"""Tells a quiet period, in which nothing happened, from a period whose events were not loaded."""

from __future__ import annotations

from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import day, moment
from bwp_client.reports.content import Content
from bwp_client.reports.spec import ReportSpec, WarehouseFacts


def doubt_of_quiet(spec: ReportSpec, facts: WarehouseFacts, content: Content) -> str | None:
    """Return the reason why a period without outcomes may lack data; None if the data show that the period was quiet.

    The period was quiet if the data were read after its end, events of any kind came both before the period and in it or
    later, and no day lacks the events that are usual on its weekday.

    Args:
        spec: The report.
        facts: Hold the time at which the data were read.
        content: The content of the report.
    """
    period, heard = spec.period, content.heard
    gaps = content.tables[MetricName.GAPS.value]
    if heard.first_at is None or heard.last_at is None:
        return "no event was ever loaded. Load events first."
    if facts.run_finished_at < period.to_time:
        return f"the data were read on {moment(facts.run_finished_at)} UTC, before its end. Load later events."
    if heard.first_at > period.from_time:
        return f"the first event is of {moment(heard.first_at)} UTC, after the period began. Load earlier events."
    if heard.last_at < period.from_time:
        return (
            f"the newest event is of {moment(heard.last_at)} UTC, before the period began, so nothing shows that events "
            "still arrive. The report is published once a later event was loaded."
        )
    if not gaps.empty:
        return (
            f"no event of any kind came on {gaps['days'].sum():,} days from {day(gaps['first_day'].min())} on, where about "
            f"{gaps['expected'].sum():,.0f} were to be expected. Load the events of these days."
        )
    return None


def is_quiet(spec: ReportSpec, facts: WarehouseFacts, content: Content) -> bool:
    """Return whether the period has no outcomes, and the data show that nothing happened; arguments as before."""
    return not any(content.outcomes.values()) and doubt_of_quiet(spec, facts, content) is None


def quiet_sentence(content: Content) -> str:
    """Return the sentence that a report of a quiet period states beside its figures."""
    last = content.heard.last_at
    return (
        f"The period was quiet: events were loaded up to {moment(last) if last else 'no day'} UTC, and no day lacks events "
        "that were to be expected."
    )
