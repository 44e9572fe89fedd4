"""What a notice of a report says: counts, the sentence and the link."""

from __future__ import annotations

from bwp_client.monitoring.notify import notify
from bwp_client.reports.attempts import FORCED, REFUSED, THERE
from bwp_client.reports.publish import Result
from bwp_client.reports.spec import Question


def tell_result(url: str, question: Question, result: Result) -> bool:
    """Tell how an attempt ended; one that found the report published already has been told before.

    Raises:
        SettingsError: The address is none that Apprise knows.
    """
    if result.state == THERE:
        return True
    figures = result.figures
    counts = [f"{figures['failed']:,} of {figures['n']:,} tasks failed."] if figures else []
    title = f"{_title(question)}: {'not published' if result.state == REFUSED else result.state}"
    reasons = [f"Refused: {reason}" if result.state == REFUSED else reason for reason in result.reasons]
    link = [result.link] if result.link else []
    why = ["Published by force, though:"] if result.state == FORCED else []
    return notify(url, title, [*result.says, *counts, *why, *reasons, *link])


def tell_failure(url: str, question: Question, message: str) -> bool:
    """Tell that a report could not be made."""
    return notify(url, f"{_title(question)}: could not be made", [message])


def _title(question: Question) -> str:
    return f"Report {question.report} {question.period.name}"
