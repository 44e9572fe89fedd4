"""The result of one check of a set-up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a result means for a load."""

    OK = "ok"
    NOTE = "note"
    """Events are delivered; the set-up has a weakness, or a part that can't be seen from here."""
    WRONG = "wrong"
    """Events are delivered, but late, or they are lost where something else fails."""
    BLOCKING = "blocking"
    """Events are not delivered, or may not be: no replay is started, and none counts as read."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line about a set-up."""

    text: str
    fix: str = ""
    """The command or the step that mends a fault; empty if there is none."""
    severity: Severity = Severity.OK
