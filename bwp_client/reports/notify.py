"""What a notice of a report says: counts, the sentence and the link."""

from __future__ import annotations

from bwp_client.monitoring.notify import notify
from bwp_client.reports.attempts import ALREADY_PUBLISHED, FORCED, REFUSED
from bwp_client.reports.publish import PublishResult
from bwp_client.reports.spec import ReportSpec


def notify_result(url: str, spec: ReportSpec, result: PublishResult) -> bool:
    """Tell how an attempt ended; one that found the report published already has been told before.

    Raises:
        SettingsError: The address is none that Apprise knows.
    """
    if result.state == ALREADY_PUBLISHED:
        return True
    figures = result.figures
    counts = [f"{figures['failed']:,} of {figures['n']:,} tasks failed."] if figures else []
    title = f"{_title(spec)}: {'not published' if result.state == REFUSED else result.state}"
    reasons = [f"Refused: {reason}" if result.state == REFUSED else reason for reason in result.reasons]
    link = [result.link] if result.link else []
    why = ["Published by force, though:"] if result.state == FORCED else []
    return notify(url, title, [*result.statements, *counts, *why, *reasons, *link])


def notify_failure(url: str, spec: ReportSpec, message: str) -> bool:
    """Tell that a report could not be made."""
    return notify(url, f"{_title(spec)}: could not be made", [message])


def _title(spec: ReportSpec) -> str:
    return f"Report {spec.report_name} {spec.period.name}"
