"""Checks that a rule's event pattern matches our replayed events and no live event.

The check knows the four matchers that such a rule needs: a string, `prefix`, `exists` and `wildcard`. A pattern with any
other matcher is refused, because the effect of the replay would be a guess.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from bwp_client.events import EVENT_TYPES

PARTNER = "aws.partner/buywithprime"
WANTED = '{"source": [{"prefix": "aws.partner/buywithprime"}], "replay-name": [{"exists": true}]}'
_REPLAY = "bwp-"


def pattern_problem(text: str, *, bus: str, replay_prefix: str = _REPLAY) -> str | None:
    """Return the fault of an event pattern, or None if it fits.

    Args:
        text: The rule's pattern; empty for a rule on a schedule.
        bus: The rule's bus; the name of a partner's bus is the source of its events.
        replay_prefix: The prefix of our replays' names.
    """
    try:
        pattern = json.loads(text or "null")
    except ValueError:
        return "it is not JSON"
    if not isinstance(pattern, dict):
        return "the rule has none"
    replay = pattern.pop("replay-name", None)
    if not isinstance(replay, list) or not replay:
        return "it does not ask for `replay-name`, so live events would come too"
    if not all(_matches_replays_only(matcher) for matcher in replay):
        return "its `replay-name` lets live events through"
    if not any(_matches(matcher, replay_prefix + "1", whole=False) for matcher in replay):
        return f"its `replay-name` does not let replays named {replay_prefix}… through"
    sources = [bus] if bus.startswith("aws.partner/") else [PARTNER]
    if "source" in pattern and not all(
        _any_matches(pattern["source"], source, whole=source == bus) for source in sources
    ):
        return f"its `source` does not let {sources[0]} through"
    missing = [
        kind for kind in EVENT_TYPES if "detail-type" in pattern and not _any_matches(pattern["detail-type"], kind)
    ]
    if missing:
        return f"its `detail-type` leaves out {', '.join(missing)}"
    others = sorted(set(pattern) - {"source", "detail-type"})
    return f"it also asks for {', '.join(others)}, which we can't judge; leave it out" if others else None


def _matches_replays_only(matcher: Any) -> bool:
    if isinstance(matcher, dict):
        return matcher == {"exists": True} or set(matcher) <= {"prefix", "wildcard"}
    return isinstance(matcher, str)


def _any_matches(matchers: Any, text: str, *, whole: bool = True) -> bool:
    return isinstance(matchers, list) and any(_matches(matcher, text, whole=whole) for matcher in matchers)


def _matches(matcher: Any, text: str, *, whole: bool = True) -> bool:
    """Return whether a matcher accepts a text or, if not `whole`, some text that begins with it."""
    if isinstance(matcher, str):
        return matcher == text if whole else matcher.startswith(text)
    if matcher == {"exists": True}:
        return True
    if not isinstance(matcher, dict) or len(matcher) != 1:
        return False
    ((kind, value),) = matcher.items()
    if not isinstance(value, str):
        return False
    if kind == "prefix":
        return text.startswith(value) or (not whole and value.startswith(text))
    if kind == "wildcard":
        pattern = value.replace("[", "[[]").replace("?", "[?]")
        return fnmatchcase(text, pattern) or (not whole and value.startswith(text))
    return False
