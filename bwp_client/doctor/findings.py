"""A finding of `doctor`: the inspected part of the set-up, and the fix if it has a fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one inspection. Neither text ever shows a secret."""

    text: str
    fix: str = ""
    """How to mend a fault; empty when all is well."""

    @classmethod
    def of(cls, inspected: str, fault: tuple[str, str] | None) -> Self:
        """Return an OK finding with the text `inspected`, or the finding of a fault, which is given as (text, fix)."""
        return cls(inspected) if fault is None else cls(*fault)

    @property
    def ok(self) -> bool:
        """True if nothing needs to be done."""
        return not self.fix

    def as_text(self) -> str:
        """Return the finding as a line for people, with the fix below a fault."""
        return f"OK    {self.text}" if self.ok else f"WRONG {self.text}\n      fix: {self.fix}"


def findings_as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the command line's JSON object: `ok`, and `checks` with `ok`, `text` and `fix` of each finding."""
    lines = [{"ok": finding.ok} | asdict(finding) for finding in findings]
    return {"ok": all(line["ok"] for line in lines), "checks": lines}
