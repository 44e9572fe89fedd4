"""A planted change is found with its day and its rates; steady data show a change no more often than stated."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint
from support.shop import Task, shop_of

from bwp_client.metrics import run_metric
from bwp_client.metrics.change_points import FALSE_ALARM, change_points
from bwp_client.metrics.filters import Filters

START = pd.Timestamp("2025-05-25", tz="UTC")
WEEKEND = (1.0, 1.0, 1.0, 1.0, 1.0, 2.5, 2.5)
STEADY = {
    "plain": {"days": 120, "n": 60.0, "rate": 0.05},
    "worse on weekends": {"days": 120, "n": 60.0, "rate": 0.05, "by_weekday": WEEKEND},
    "long": {"days": 550, "n": 30.0, "rate": 0.05, "by_weekday": WEEKEND},
    "scattered": {"days": 250, "n": 80.0, "rate": 0.06, "scatter": 0.03},
    "growing": {"days": 180, "n": np.linspace(5, 120, 180), "rate": 0.05},
    "few": {"days": 60, "n": 4.0, "rate": 0.03},
    "rare": {"days": 300, "n": 40.0, "rate": 0.004},
}


def daily(
    seed: int,
    *,
    days: int,
    n: float | np.ndarray,
    rate: float | np.ndarray,
    by_weekday: tuple[float, ...] = (1.0,) * 7,
    scatter: float = 0.0,
) -> pd.DataFrame:
    """Draw daily counts; `scatter` moves each day's rate about the given rate."""
    dice = np.random.default_rng(seed)
    outcomes = dice.poisson(n, size=days)
    rates = np.broadcast_to(rate, (days,)) * np.array(by_weekday)[(np.arange(days) + START.weekday()) % 7]
    if scatter:
        strength = 1 / scatter - 1
        rates = dice.beta(rates * strength, (1 - rates) * strength)
    frame = pd.DataFrame({"day": START + pd.to_timedelta(np.arange(days), unit="D"), "n": outcomes})
    return frame.assign(failed=dice.binomial(outcomes, np.clip(rates, 0, 1))).query("n > 0").reset_index(drop=True)


def most_alarms(searches: int) -> int:
    """Return the number of false alarms that is exceeded less than once in a thousand times at the stated rate."""
    from scipy.stats import binom

    return int(binom.ppf(0.999, searches, FALSE_ALARM))


def alarms(kind: str, seeds: range) -> int:
    return sum(len(change_points(daily(seed, **STEADY[kind]))) > 0 for seed in seeds)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", STEADY)
def test_steady_data_show_a_change_no_more_often_than_stated(kind: str) -> None:
    assert alarms(kind, range(30)) <= most_alarms(30) <= 3


@pytest.mark.soak
@pytest.mark.parametrize("kind", STEADY)
def test_two_hundred_seeds_of_steady_data(kind: str) -> None:
    found = alarms(kind, range(200))
    print(f"{kind}: {found} of 200")
    assert found <= most_alarms(200) <= 8


@pytest.mark.parametrize("seed", range(8))
def test_a_rate_that_doubles_is_found_at_its_day(seed: int) -> None:
    rate = np.full(120, 0.05)
    rate[70:] = 0.12
    frame = daily(seed, days=120, n=60, rate=rate, by_weekday=WEEKEND)
    (row,) = change_points(frame).itertuples()
    planted = START + pd.Timedelta(days=70)
    assert abs(row.changed_at - planted) <= pd.Timedelta(days=3)
    assert row.earliest <= row.changed_at <= row.latest
    assert row.direction == "up"
    before, after = frame[frame["day"] < row.changed_at], frame[frame["day"] >= row.changed_at]
    for side, part in (("before", before), ("after", after)):
        failed, n = part["failed"].sum(), part["n"].sum()
        assert (getattr(row, f"{side}_failed"), getattr(row, f"{side}_n")) == (failed, n)
        interval = getattr(row, f"{side}_low"), getattr(row, f"{side}_high")
        assert interval == pytest.approx(proportion_confint(failed, n, method="wilson"))


@pytest.mark.parametrize("seed", range(8))
def test_an_episode_of_twelve_days_in_eighteen_months_has_a_beginning_and_an_end(seed: int) -> None:
    rate = np.full(550, 0.05)
    rate[500:512] = 0.2
    found = change_points(daily(seed, days=550, n=30, rate=rate))
    assert found["direction"].tolist() == ["up", "down"]
    for at, planted in zip(found["changed_at"], (500, 512), strict=True):
        assert abs(at - (START + pd.Timedelta(days=planted))) <= pd.Timedelta(days=3)


def test_the_days_named_hold_the_planted_one_nearly_always() -> None:
    rate = np.full(120, 0.05)
    rate[70:] = 0.10
    planted, held, found = START + pd.Timedelta(days=70), 0, 0
    for seed in range(40):
        for row in change_points(daily(seed, days=120, n=60, rate=rate)).itertuples():
            found += 1
            held += row.earliest <= planted <= row.latest
    assert found >= 38
    assert held >= 0.9 * found


@pytest.mark.parametrize(
    "frame",
    [
        daily(1, days=0, n=10, rate=0.1),
        daily(1, days=13, n=100, rate=0.5),
        daily(1, days=100, n=50, rate=0.0),
        daily(1, days=100, n=50, rate=1.0),
        pd.DataFrame({"day": START + pd.to_timedelta(np.arange(60), unit="D"), "n": 1, "failed": [0] * 57 + [1] * 3}),
    ],
    ids=["nothing", "under two weeks", "no failure", "only failures", "three of four at the end"],
)
def test_nothing_is_said_where_the_data_do_not_support_it(frame: pd.DataFrame) -> None:
    assert change_points(frame).empty


def test_the_same_data_give_the_same_answer() -> None:
    frame = daily(3, days=200, n=40, rate=np.repeat([0.05, 0.15], 100))
    pd.testing.assert_frame_equal(change_points(frame), change_points(frame))


def test_the_metric_looks_at_days_without_outcomes_too(tmp_path: Path) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    tasks = [
        Task(
            f"t-{day}-{number}",
            "FAILED" if number < (2 if day < 40 else 12) else "COMPLETED",
            start + timedelta(days=day),
        )
        for day in range(80)
        if day not in {10, 11, 50}
        for number in range(40)
    ]
    found = run_metric(shop_of(tmp_path, tasks), "change_points", Filters(start, start + timedelta(days=80)))
    assert found["changed_at"].tolist() == [start + timedelta(days=40)]
    assert found[["before_failed", "before_n", "after_failed", "after_n"]].to_numpy().tolist() == [
        [76, 1520, 468, 1560]
    ]
