"""What `doctor` found: one line for each thing looked at, with the fix where it is not right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Check(NamedTuple):
    """One thing that was looked at. Neither text ever shows a secret."""

    ok: bool
    text: str
    fix: str = ""


def as_json(checks: Iterable[Check]) -> dict[str, Any]:
    """Give the command line's JSON object."""
    lines = [check._asdict() for check in checks]
    return {"ok": all(line["ok"] for line in lines), "checks": lines}


def as_text(checks: Iterable[Check]) -> str:
    """Give lines for people, each fix below what it mends."""
    lines = []
    for check in checks:
        lines.append(f"{'OK ' if check.ok else 'BAD'}  {check.text}")
        if check.fix:
            lines.append(f"     → {check.fix}")
    return "\n".join(lines)
