"""When `check` fires; apart from the rules, so that the command line starts without pandas."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """When the rules fire."""

    days: int = 7
    """How far back failures and codes are looked at."""
    min_failures: int = 5
    min_rate: float = 0.1
    """The lower bound of the failure rate's interval must reach it: a few unlucky tasks don't."""
    deadline_days: int = 7
    stale_hours: float = 48.0
