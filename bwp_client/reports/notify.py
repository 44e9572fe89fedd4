"""Notices of reports: the counts, the statement and the link."""

from __future__ import annotations

from bwp_client.monitoring.notify import notify
from bwp_client.reports.attempts import AttemptState
from bwp_client.reports.publish import PublishResult
from bwp_client.reports.spec import ReportSpec


def notify_result(url: str, spec: ReportSpec, result: PublishResult) -> bool:
    """Send a notice of the result of an attempt, except when the report was already published before.

    Returns:
        False if the notice could not be delivered.

    Raises:
        SettingsError: Apprise does not know this kind of address.
    """
    if result.state is AttemptState.ALREADY_PUBLISHED:
        return True
    is_refused = result.state is AttemptState.REFUSED
    figures = result.figures
    counts = [f"{figures['failed']:,} of {figures['n']:,} tasks failed."] if figures.get("n") else []
    title = f"{_title(spec)}: {'not published' if is_refused else result.state}"
    forced = ["Published by force, though:"] if result.state is AttemptState.FORCED else []
    reasons = [f"Refused: {reason}" if is_refused else reason for reason in result.reasons]
    link = [result.link] if result.link else []
    return notify(url, title, [*result.statements, *counts, *forced, *reasons, *link])


def notify_failure(url: str, spec: ReportSpec, message: str) -> bool:
    """Send a notice that a report could not be made; return False if the notice could not be delivered."""
    return notify(url, f"{_title(spec)}: could not be made", [message])


def _title(spec: ReportSpec) -> str:
    return f"Report {spec.report_name} {spec.period.name}"
