"""What the checks of event patterns say agrees with what the patterns match, as the emulator's matcher sees it."""

import json
from itertools import product
from typing import Any

import pytest
from support.emulator import Emulator
from support.events import PRIVACY, envelope

from bwp_client.sources.eventbridge.event_pattern import (
    archive_pattern_problem,
    pattern_problem,
    wanted_archive_pattern,
    wanted_pattern,
)

BUS = "aws.partner/buywithprime/acme"
REPLAYS = ("bwp-20260501T0000-20260502T0000-1-12345678", "bwp-20310101T0900-20310101T0910-3-abcdefab")
ALL = {"replay-name": [{"exists": True}]}
FIT: dict[str, dict[str, Any]] = {
    "every replay": ALL,
    "our replays": {"replay-name": [{"prefix": "bwp-"}]},
    "our replays by wildcard": {"replay-name": [{"wildcard": "bwp-*"}]},
    "our replays in any case": {"replay-name": [{"prefix": {"equals-ignore-case": "BWP-"}}]},
    "all replays but one": {"replay-name": [{"anything-but": "nightly"}]},
    "all replays but some": {"replay-name": [{"anything-but": {"prefix": "nightly"}}]},
    "the source": ALL | {"source": [BUS]},
    "the source by prefix": ALL | {"source": [{"prefix": "aws.partner/buywithprime"}]},
    "the source by suffix": ALL | {"source": [{"suffix": "/acme"}]},
    "all types by prefix": ALL | {"detail-type": [{"prefix": "PERSONAL_DATA_"}]},
    "all types by name": ALL | {"detail-type": sorted(PRIVACY)},
    "all types but another": ALL | {"detail-type": [{"anything-but": ["ORDER_CONFIRMED"]}]},
}
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "live events too": ({"source": [BUS]}, "live events would come too"),
    "live events only": ({"replay-name": [{"exists": False}]}, "lets live events through"),
    "live events or replays": ({"replay-name": ["x", {"exists": False}]}, "lets live events through"),
    "another replay": ({"replay-name": ["nightly"]}, "replays named bwp-"),
    "one replay of ours": ({"replay-name": [REPLAYS[0]]}, "replays named bwp-"),
    "replays of a year": ({"replay-name": [{"prefix": "bwp-2026"}]}, "replays named bwp-"),
    "first attempts": ({"replay-name": [{"wildcard": "bwp-*-1-*"}]}, "replays named bwp-"),
    "no replay of ours": ({"replay-name": [{"anything-but": {"prefix": "bwp-"}}]}, "replays named bwp-"),
    "another source": (ALL | {"source": ["aws.partner/other"]}, "`source` does not let"),
    "all sources but ours": (ALL | {"source": [{"anything-but": {"prefix": "aws.partner/"}}]}, "`source` does not let"),
    "failures only": (ALL | {"detail-type": [{"suffix": "_FAILED"}]}, "leaves out"),
    "no deletions": (ALL | {"detail-type": [{"anything-but": {"wildcard": "*_DELETION_*"}}]}, "leaves out"),
}
UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "a part of detail": (ALL | {"detail": {"x": ["1"]}}, "can't judge"),
    "alternatives": (ALL | {"$or": [{"source": [BUS]}, {"account": ["1"]}]}, "can't judge"),
    "an account": (ALL | {"account": ["123456789012"]}, "can't judge"),
    "a number": ({"replay-name": [{"numeric": [">", 1]}]}, "can't be judged"),
    "a number of the source": (ALL | {"source": [{"cidr": "10.0.0.0/8"}]}, "can't be judged"),
    "a number of the type": (ALL | {"detail-type": [{"numeric": ["=", 1]}]}, "can't be judged"),
}


def matched(emulator: Emulator, pattern: dict[str, Any] | str, *, live: bool) -> list[bool]:
    """Return whether a pattern matches each privacy event, live or of each replay."""
    events = emulator.client("events")
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    found = []
    for kind, replay in product(sorted(PRIVACY), [None] if live else REPLAYS):
        event = envelope("t") | {"source": BUS, "detail-type": kind} | ({"replay-name": replay} if replay else {})
        found.append(events.test_event_pattern(EventPattern=text, Event=json.dumps(event))["Result"])
    return found


@pytest.mark.parametrize("case", FIT)
def test_a_fitting_pattern_matches_every_replayed_event_and_no_live_event(case: str, emulator: Emulator) -> None:
    assert pattern_problem(json.dumps(FIT[case]), bus=BUS) is None
    assert set(matched(emulator, FIT[case], live=False)) == {True}
    assert set(matched(emulator, FIT[case], live=True)) == {False}


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_pattern_misses_an_event_or_matches_a_live_event(case: str, emulator: Emulator) -> None:
    pattern, words = UNFIT[case]
    assert words in str(pattern_problem(json.dumps(pattern), bus=BUS))
    assert False in matched(emulator, pattern, live=False) or True in matched(emulator, pattern, live=True)


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_pattern_that_cannot_be_judged_is_refused_as_such(case: str) -> None:
    pattern, words = UNKNOWN[case]
    assert words in str(pattern_problem(json.dumps(pattern), bus=BUS))


@pytest.mark.parametrize(("text", "words"), [("", "has none"), ("{", "not JSON"), ("[]", "has none")])
def test_a_rule_without_a_pattern_is_refused(text: str, words: str) -> None:
    assert words in str(pattern_problem(text, bus=BUS))


@pytest.mark.parametrize("bus", [BUS, "aws.partner/other/acme", "default", "shop-events"])
def test_the_pattern_of_the_fix_fits(bus: str) -> None:
    assert pattern_problem(wanted_pattern(bus), bus=bus) is None
    assert archive_pattern_problem(wanted_archive_pattern(), bus=bus) is None


def test_the_pattern_of_the_fix_lets_events_of_any_source_through_on_a_bus_of_ones_own() -> None:
    assert "source" not in wanted_pattern("shop-events")


ARCHIVES: dict[str, tuple[dict[str, Any], str | None]] = {
    "everything of the source": ({"source": [BUS]}, None),
    "live events": ({"replay-name": [{"exists": False}]}, None),
    "privacy events": ({"detail-type": [{"prefix": "PERSONAL_DATA_"}]}, None),
    "replays": ({"replay-name": [{"exists": True}]}, "asks for `replay-name`"),
    "orders": ({"detail-type": ["ORDER_CONFIRMED"]}, "leaves out"),
    "completed tasks": ({"detail-type": [{"suffix": "_COMPLETED"}]}, "leaves out"),
    "another source": ({"source": ["aws.s3"]}, "`source` does not let"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_receives_every_live_event_or_the_check_says_what_it_leaves_out(
    case: str, emulator: Emulator
) -> None:
    pattern, words = ARCHIVES[case]
    found = archive_pattern_problem(json.dumps(pattern), bus=BUS)
    assert (words in str(found)) if words else (found is None), found
    assert set(matched(emulator, pattern, live=True)) == {True} if words is None else True
    assert words is None or False in matched(emulator, pattern, live=True)


def test_an_archive_without_a_pattern_receives_everything_and_one_that_cannot_be_judged_is_named() -> None:
    assert archive_pattern_problem("", bus=BUS) is None
    assert "can't judge" in str(archive_pattern_problem('{"account": ["123456789012"]}', bus=BUS))
    assert "not JSON" in str(archive_pattern_problem("{", bus=BUS))
    assert "not an object" in str(archive_pattern_problem("[]", bus=BUS))
