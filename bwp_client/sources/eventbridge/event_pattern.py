"""Whether a rule's event pattern lets our replayed events through, and nothing that is live.

The four ways of matching that such a rule needs are understood (a text, `prefix`, `exists`, `wildcard`). A pattern with
anything else can't be judged here and is refused: nobody should start a replay on a guess.
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
    """Say what is wrong with an event pattern; None when all is well.

    Args:
        text: The pattern as the rule has it; empty for a rule on a schedule.
        bus: The bus it is on; a partner's bus bears its events' source as name.
        replay_prefix: How the names of our replays begin.
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
    if not all(_is_on_replays_only(one) for one in replay):
        return "its `replay-name` lets live events through"
    if not any(_matches(one, replay_prefix + "1", whole=False) for one in replay):
        return f"its `replay-name` does not let replays named {replay_prefix}… through"
    sources = [bus] if bus.startswith("aws.partner/") else [PARTNER]
    if "source" in pattern and not all(_any(pattern["source"], one, whole=one == bus) for one in sources):
        return f"its `source` does not let {sources[0]} through"
    missing = [kind for kind in EVENT_TYPES if "detail-type" in pattern and not _any(pattern["detail-type"], kind)]
    if missing:
        return f"its `detail-type` leaves out {', '.join(missing)}"
    others = sorted(set(pattern) - {"source", "detail-type"})
    return f"it also asks for {', '.join(others)}, which we can't judge; leave it out" if others else None


def _is_on_replays_only(one: Any) -> bool:
    return (
        one == {"exists": True}
        or isinstance(one, str)
        or (isinstance(one, dict) and set(one) <= {"prefix", "wildcard"})
    )


def _any(choices: Any, text: str, *, whole: bool = True) -> bool:
    return isinstance(choices, list) and any(_matches(one, text, whole=whole) for one in choices)


def _matches(one: Any, text: str, *, whole: bool = True) -> bool:
    """Tell whether one choice matches a text; when not `whole`, whether it matches some text that begins so."""
    if isinstance(one, str):
        return one == text if whole else one.startswith(text)
    if one == {"exists": True}:
        return True
    if not isinstance(one, dict) or len(one) != 1:
        return False
    ((how, what),) = one.items()
    if not isinstance(what, str):
        return False
    if how == "prefix":
        return text.startswith(what) or (not whole and what.startswith(text))
    if how == "wildcard":
        pattern = what.replace("[", "[[]").replace("?", "[?]")
        return fnmatchcase(text, pattern) or (not whole and what.startswith(text))
    return False
