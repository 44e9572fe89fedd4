"""What `doctor` found: one line for each thing looked at, with the fix where it is not right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and how to mend it when it is not right. Neither text ever shows a secret."""

    text: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether nothing needs to be done."""
        return not self.fix

    def as_text(self) -> str:
        """Give the line for people, the fix below what it mends."""
        return f"OK    {self.text}" if self.ok else f"WRONG {self.text}\n      fix: {self.fix}"


def as_json(checks: Iterable[Check]) -> dict[str, Any]:
    """Give the command line's JSON object."""
    lines = [{"ok": check.ok} | asdict(check) for check in checks]
    return {"ok": all(line["ok"] for line in lines), "checks": lines}
