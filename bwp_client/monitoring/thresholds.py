"""The thresholds of the alert rules; a module of its own, so that the command line starts without pandas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOON_DAYS: Final = 7
"""A deadline is near, on pages and in alerts, if at most so many days are left: it falls within a week from today."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits at which the alert rules fire."""

    days: int = 7
    """Length of the period over which failures and error codes are counted."""
    min_failures: int = 5
    min_rate: float = 0.1
    """The failure rate, from 0 to 1, at which the rule fires. The lower bound of the rate's interval must reach it, so that
    the rule does not fire on a few tasks."""
    deadline_days: int = SOON_DAYS
    stale_hours: float = 48.0
