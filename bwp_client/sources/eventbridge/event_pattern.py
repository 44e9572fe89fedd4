"""Checks the event patterns of the rule, which must match our replayed events alone, and of the archive.

The checks know the matchers for strings. A pattern with any other matcher is refused, because the effect of the replay
would be a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from bwp_client.events import EVENT_TYPES
from bwp_client.sources.eventbridge.policy_evaluation import as_list

PARTNER: Final = "aws.partner/buywithprime"
_REPLAYS: Final = (
    "bwp-20200101T0000-20200102T0000-1-0a1b2c3d",
    "bwp-20991231T2350-21000101T0000-12-9f8e7d6c",
)
"""Names as our replays have them, of other windows and attempts; a pattern must match every one."""


def wanted_pattern(bus: str) -> str:
    """Return a pattern, as JSON text, that matches replayed events of Buy with Prime on a bus, and no live event."""
    pattern: dict[str, Any] = {"replay-name": [{"exists": True}]}
    if bus.startswith(PARTNER):
        pattern = {"source": [{"prefix": PARTNER}]} | pattern
    elif bus.startswith("aws.partner/"):
        pattern = {"source": [bus]} | pattern
    return json.dumps(pattern)


def wanted_archive_pattern() -> str:
    """Return a pattern, as JSON text, with which an archive receives every privacy event."""
    return json.dumps({"detail-type": list(EVENT_TYPES)})


def pattern_problem(text: str, *, bus: str, replays: Iterable[str] = _REPLAYS) -> str | None:
    """Return the fault of the pattern of a rule, or None if it fits.

    Args:
        text: The rule's pattern; empty for a rule on a schedule.
        bus: The rule's bus; the name of a partner's bus is the source of its events.
        replays: Names that the pattern must match.
    """
    try:
        pattern = json.loads(text or "null")
    except ValueError:
        return "it is not JSON"
    if not isinstance(pattern, dict):
        return "the rule has none"
    matchers = pattern.pop("replay-name", None)
    if not isinstance(matchers, list) or not matchers:
        return "it does not ask for `replay-name`, so live events would come too"
    if {"exists": False} in matchers:
        return "its `replay-name` lets live events through"
    found = [_any_matches(matchers, name) for name in replays]
    if False in found:
        return "its `replay-name` does not let replays named bwp-… through"
    if None in found:
        return "its `replay-name` can't be judged here"
    return _envelope_problem(pattern, bus)


def archive_pattern_problem(text: str, *, bus: str) -> str | None:
    """Return why an archive's pattern keeps privacy events out of the archive, or None if it lets all of them in."""
    if not text:
        return None
    try:
        pattern = json.loads(text)
    except ValueError:
        return "it is not JSON"
    if not isinstance(pattern, dict):
        return "it is not an object"
    matchers = pattern.pop("replay-name", [{"exists": False}])
    if {"exists": False} not in as_list(matchers):
        return "it asks for `replay-name`, which live events don't have"
    return _envelope_problem(pattern, bus)


def _envelope_problem(pattern: dict[str, Any], bus: str) -> str | None:
    """Return why the fields of the envelope, but for `replay-name`, may keep a privacy event out."""
    is_partner = bus.startswith("aws.partner/")
    source = bus if is_partner else PARTNER
    passes = _any_matches(pattern.get("source", [{"exists": True}]), source, whole=is_partner)
    if not passes:
        return f"its `source` does not let {source} through" if passes is False else "its `source` can't be judged here"
    kinds = {kind: _any_matches(pattern.get("detail-type", [{"exists": True}]), kind) for kind in EVENT_TYPES}
    missing = [kind for kind, passes in kinds.items() if passes is False]
    if missing:
        return f"its `detail-type` leaves out {', '.join(missing)}"
    if None in kinds.values():
        return "its `detail-type` can't be judged here"
    others = sorted(set(pattern) - {"source", "detail-type"})
    return f"it also asks for {', '.join(others)}, which we can't judge; leave it out" if others else None


def _any_matches(matchers: Any, text: str, *, whole: bool = True) -> bool | None:
    if not isinstance(matchers, list):
        return None
    found = [_matches(matcher, text, whole=whole) for matcher in matchers]
    return True if True in found else None if None in found else False


def _matches(matcher: Any, text: str, *, whole: bool = True) -> bool | None:
    """Return whether a matcher accepts a text or, if not `whole`, some text that begins with it; None if unknown."""
    if isinstance(matcher, str):
        return matcher == text if whole else matcher.startswith(text)
    if not isinstance(matcher, dict) or len(matcher) != 1:
        return False if matcher is None else None
    ((kind, value),) = matcher.items()
    if kind == "exists":
        return value is True
    if kind == "anything-but":
        return _differs(value, text) if whole else None
    accepts = _STRING_MATCHERS.get(kind)
    if accepts is None:
        return None
    if isinstance(value, dict) and set(value) == {"equals-ignore-case"}:
        value, text = str(value["equals-ignore-case"]).casefold(), text.casefold()
    if not isinstance(value, str):
        return None
    return accepts(value, text) or (not whole and (kind == "suffix" or value.startswith(text)))


def _differs(excluded: Any, text: str) -> bool | None:
    """Return whether `anything-but` accepts a text."""
    if isinstance(excluded, dict) and len(excluded) == 1:
        ((kind, values),) = excluded.items()
        found = [_matches({kind: value}, text) for value in as_list(values)]
    else:
        found = [_matches(value, text) if isinstance(value, str) else None for value in as_list(excluded)]
    return False if True in found else None if None in found else True


def _wildcard(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern in which an asterisk is any text, unless a backslash precedes it."""
    parts = re.findall(r"\\[*\\]|.", pattern, re.DOTALL)
    return (
        re.fullmatch("".join(".*" if part == "*" else re.escape(part[-1]) for part in parts), text, re.DOTALL)
        is not None
    )


_STRING_MATCHERS: Final[dict[str, Callable[[str, str], bool]]] = {
    "prefix": lambda value, text: text.startswith(value),
    "suffix": lambda value, text: text.endswith(value),
    "wildcard": _wildcard,
    "equals-ignore-case": lambda value, text: text.casefold() == value.casefold(),
}
