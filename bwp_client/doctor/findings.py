"""A finding of `doctor`: the inspected part of the set-up, and the fix if it has a fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one inspection. Neither text ever shows a secret."""

    text: str
    fix: str = ""
    """How to mend a fault or a weakness; empty when all is well."""
    is_fault: bool = True
    """Whether the fix is needed; False for a weakness, with which everything works."""

    @property
    def ok(self) -> bool:
        """True if nothing needs to be done."""
        return not (self.fix and self.is_fault)

    def as_text(self) -> str:
        """Return the finding as a line for people, with the fix below a fault or a weakness."""
        if not self.fix:
            return f"OK    {self.text}"
        return (
            f"WRONG {self.text}\n      fix: {self.fix}"
            if self.is_fault
            else f"NOTE  {self.text}\n      fix: {self.fix}"
        )


def findings_as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the command line's JSON object: `ok`, and `checks` with `ok`, `text` and `fix` of each finding."""
    lines = [{"ok": finding.ok, "text": finding.text, "fix": finding.fix} for finding in findings]
    return {"ok": all(line["ok"] for line in lines), "checks": lines}
