"""Notices of reports: the counts, the statement and the link."""

from __future__ import annotations

from bwp_client.monitoring.notify import Notice
from bwp_client.reports.attempts import AttemptState
from bwp_client.reports.publish import PublishResult
from bwp_client.reports.spec import ReportSpec


def result_notice(spec: ReportSpec, result: PublishResult) -> Notice:
    """Return the notice of a report that is published, or that was refused."""
    is_refused = result.state is AttemptState.REFUSED
    figures = result.figures
    counts = [f"{figures['failed']:,} of {figures['n']:,} tasks failed."] if figures.get("n") else []
    forced = ["Published by force, though:"] if result.state is AttemptState.FORCED else []
    reasons = [f"Refused: {reason}" if is_refused else reason for reason in result.reasons]
    return Notice(
        f"{_title(spec)}: {'not published' if is_refused else result.state}",
        (*result.statements, *counts, *forced, *reasons),
        result.link,
        (_trouble(spec),) if is_refused else (_trouble(spec), spec.series),
        _refused_once(spec, result) if is_refused else "",
    )


def report_failure_notice(spec: ReportSpec, message: str, kind: str) -> Notice:
    """Return the notice of a report that could not be made, which is sent once a day for each kind of error."""
    return Notice(
        f"{_title(spec)}: could not be made", (message,), topics=(_trouble(spec),), once=f"{spec.key} failed: {kind}"
    )


def _refused_once(spec: ReportSpec, result: PublishResult) -> str:
    """Return what makes refusals the same notice: their day and the kinds of their reasons, whose figures may differ."""
    kinds = [reason if result.is_address_taken else reason.partition(":")[0] for reason in result.reasons]
    return f"{spec.key} refused: {'; '.join(kinds)}"


def _trouble(spec: ReportSpec) -> str:
    """Return the topic of a notice that a report was not published, which a later notice of the same series replaces."""
    return f"{spec.series} not published"


def _title(spec: ReportSpec) -> str:
    return f"Report {spec.report_name} {spec.period.name}"
