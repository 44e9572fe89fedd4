"""A period outside the baseline is marked, luck is not, and an empty baseline is no silence."""

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from scipy.stats import fisher_exact

from bwp_client.metrics.baseline import FALSE_ALARM, Baseline, baseline_of, outside

START = datetime(2026, 3, 2, tzinfo=UTC)
NOTHING = {"failed": 0, "n": 0, "rate": None, "previous_failed": 0, "previous_n": 0, "previous_rate": None}


def days(counts: list[tuple[int, int]], *, min_n: int = 20) -> pd.DataFrame:
    frame = pd.DataFrame(counts, columns=["failed", "n"])
    return frame.assign(
        period_start=pd.to_datetime([START + timedelta(days=at) for at in range(len(counts))], utc=True),
        rate=(frame["failed"] / frame["n"]).where(frame["n"] >= min_n),
    )


def test_the_baseline_is_the_period_before_else_this_one_else_none() -> None:
    both = NOTHING | {"failed": 3, "n": 60, "rate": 0.05, "previous_failed": 4, "previous_n": 50, "previous_rate": 0.08}
    assert baseline_of(both) == Baseline(4, 50, is_before=True)
    assert baseline_of(both | {"previous_rate": None}) == Baseline(3, 60, is_before=False)
    assert baseline_of(NOTHING) is None
    assert outside(days([(5, 100)]), None).tolist() == [""]


@pytest.mark.parametrize("is_before", [True, False])
def test_a_mark_is_that_of_fishers_exact_test(is_before: bool) -> None:
    frame = days([(5, 100), (22, 100), (40, 300), (12, 110), (3, 250), (9, 10)])
    baseline = Baseline(70, 1400, is_before=True) if is_before else Baseline(91, 870, is_before=False)
    wanted = []
    for failed, n in zip(frame["failed"], frame["n"], strict=True):
        others = (baseline.failed, baseline.n) if is_before else (baseline.failed - failed, baseline.n - n)
        table = [[failed, n - failed], [others[0], others[1] - others[0]]]
        chance = {side: fisher_exact(table, alternative=side).pvalue for side in ("greater", "less")}
        level = FALSE_ALARM / 2 / 5
        wanted.append(
            "" if n < 20 else "above" if chance["greater"] < level else "below" if chance["less"] < level else ""
        )
    assert outside(frame, baseline).tolist() == wanted
    assert "above" in wanted
    assert wanted[-1] == ""


def test_luck_marks_at_most_one_chart_of_twenty() -> None:
    dice, marked = random.Random(7), 0
    for _ in range(200):
        draw = [(sum(dice.random() < 0.06 for _ in range(80)), 80) for _ in range(56)]
        before = [sum(column) for column in zip(*draw[:28], strict=True)]
        marked += bool(outside(days(draw[28:]), Baseline(before[0], before[1], is_before=True)).any())
    assert marked <= 0.08 * 200


def test_three_of_four_is_no_mark() -> None:
    assert outside(days([(3, 4)]), Baseline(5, 1000, is_before=True)).tolist() == [""]
