"""The headline says how many tasks fail, why, and whether it goes on, and nothing that the data don't support."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bwp_client.events import TaskKind
from bwp_client.metrics.attribution import Cause
from bwp_client.metrics.headline import NewCode, StoodOut, headline

LUMA = {"bp-1": "Luma"}.__getitem__
NAN = float("nan")


def at(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)


def row(rate: float, before: float, difference: tuple[float, float], n: int = 1000) -> dict[str, Any]:
    """Return a row of `period_comparison` whose difference has the given interval."""
    return {
        "n": n, "failed": round(n * rate), "rate": rate, "previous_rate": before, "previous_n": n,
        "previous_failed": round(n * before), "difference": rate - before,
        "difference_low": difference[0], "difference_high": difference[1],
    }  # fmt: skip


NEW = NewCode(at(19), at(30), 26)
FRESH = "LEGAL_HOLD is new since 19 Nov: 26 tasks, the last on 30 Nov."
RISE, SAME = row(0.06, 0.037, (0.01, 0.04)), row(0.04, 0.039, (-0.01, 0.01))
NONE, FEW = ({"n": n, "failed": failed, "rate": NAN} for n, failed in ((0, 0), (12, 3)))
UP = "6.0 % of deletions failed, up from 3.7 %."
CASES: list[tuple[dict[str, Any], StoodOut | None, Cause | None, list[str], str]] = [
    (RISE, None, None, [], UP),
    (row(0.037, 0.06, (-0.04, -0.01)), None, None, [], "3.7 % of deletions failed, down from 6.0 %."),
    (SAME, None, None, [], "4.0 % of deletions failed, about as before (3.9 %)."),
    (RISE, StoodOut("bp-1", at(5), at(15), "ORDERS_NOT_CLOSED"), None, ["LEGAL_HOLD"],
     f"{UP} Worst: Luma, 5–14 Nov, mostly ORDERS_NOT_CLOSED. Over since 15 Nov. {FRESH}"),
    (RISE, StoodOut("bp-1", at(5), None, "NEW_CODE"), None, ["NEW_CODE"],
     f"{UP} Worst: Luma since 5 Nov, mostly NEW_CODE. It is still going on."),
    (RISE, StoodOut("bp-1", at(5), at(6), None), None, [],
     f"{UP} Worst: Luma, 5 Nov. Over since 6 Nov."),
    (RISE, None, Cause("bp-1", "A + B", at(9)), [], f"{UP} Most of the rise: A + B at Luma since 9 Nov."),
    (RISE, None, Cause(is_spread=True), ["A", "B"],
     f"{UP} Several products and codes share the rise. A (since 19 Nov) and B (since 19 Nov) are new."),
    (RISE, None, Cause(), [], UP),
    (FEW, None, None, [], "3 of 12 deletions failed."),
    (row(0.04, 0.0, (NAN, NAN)) | {"previous_rate": NAN, "difference": NAN}, None, None, [], "4.0 % of deletions failed."),
    (NONE, None, None, [], "No deletions finished."),
]  # fmt: skip


@pytest.mark.parametrize(("figures", "stood_out", "cause", "new", "said"), CASES)
def test_what_is_said(
    figures: dict[str, Any], stood_out: StoodOut | None, cause: Cause | None, new: list[str], said: str
) -> None:
    assert headline(figures, TaskKind.DELETION, stood_out, cause, dict.fromkeys(new, NEW), LUMA) == said


def test_failures_without_a_rate_and_a_period_before_without_data_are_named() -> None:
    unrated = headline(NONE, TaskKind.RETRIEVAL, None, None, {}, LUMA, unrated=1200)
    assert unrated == "1,200 retrievals failed, without a rate."
    assert headline(RISE, TaskKind.DELETION, None, None, {}, LUMA, not_compared="it was purged") == (
        "6.0 % of deletions failed. Not compared with the period before: it was purged."
    )


def test_a_single_task_is_worded_as_one() -> None:
    single = {"n": 1, "failed": 1, "rate": NAN}
    assert headline(single, TaskKind.DELETION, None, None, {}, LUMA) == "1 of 1 deletion failed."
    unrated = headline(NONE, TaskKind.DELETION, None, None, {}, LUMA, unrated=1)
    assert unrated == "1 deletion failed, without a rate."
