"""The journal of replays: what was read, and what lies between."""

from datetime import UTC, datetime, timedelta

import pytest

from bwp_client.warehouse.replays import Replay, ReplayState, holes

FIRST = datetime(2026, 5, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def replay(first: int, last: int, state: ReplayState = ReplayState.COMPLETE) -> Replay:
    return Replay(f"bwp-{first}-{last}", "a", "rule", day(first), day(last), state, day(last))


HOLES: dict[str, tuple[list[Replay], list[tuple[int, int]]]] = {
    "no window": ([], []),
    "one window": ([replay(0, 5)], []),
    "windows that meet": ([replay(5, 9), replay(0, 5)], []),
    "windows that overlap": ([replay(0, 5), replay(3, 9), replay(4, 6)], []),
    "a hole": ([replay(19, 25), replay(0, 5)], [(5, 19)]),
    "two holes": ([replay(0, 1), replay(2, 3), replay(4, 5)], [(1, 2), (3, 4)]),
    "a short window inside a long one": ([replay(0, 9), replay(1, 2), replay(10, 11)], [(9, 10)]),
    "a failed window": ([replay(0, 1), replay(1, 2, ReplayState.FAILED), replay(2, 3)], [(1, 2)]),
    "a running replay": ([replay(0, 1), replay(2, 3, ReplayState.STARTED)], []),
}


@pytest.mark.parametrize("case", HOLES)
def test_a_hole_is_what_no_complete_window_covers(case: str) -> None:
    replays, expected = HOLES[case]
    assert holes(replays) == [(day(first), day(last)) for first, last in expected]
