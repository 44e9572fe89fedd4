"""The difference of two rates, against intervals that another library computes."""

import math

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from bwp_client.metrics.comparison import difference_of


def side(failed: int, n: int) -> dict[str, float]:
    low, high = proportion_confint(failed, n, method="wilson")
    return {"rate": failed / n, "low": low, "high": high}


@pytest.mark.parametrize(
    ("before", "after"), [((5, 100), (12, 92)), ((0, 40), (3, 50)), ((50, 50), (1, 30)), ((137, 2176), (90, 2300))]
)
def test_the_interval_of_the_difference_is_newcombes(before: tuple[int, int], after: tuple[int, int]) -> None:
    found = difference_of(side(*before), side(*after))
    low, high = confint_proportions_2indep(*after, *before, method="newcomb", compare="diff")
    assert found["difference"] == pytest.approx(after[0] / after[1] - before[0] / before[1])
    assert found["difference_low"] == pytest.approx(low)
    assert found["difference_high"] == pytest.approx(high)


def test_what_is_not_rated_has_no_difference() -> None:
    nothing = dict.fromkeys(("rate", "low", "high"), math.nan)
    assert all(math.isnan(value) for value in difference_of(nothing, side(5, 100)).values())
