"""An episode is found, and chance is not called an episode."""

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from scipy.stats import fisher_exact

from bwp_client.metrics.episodes import _runs, find_episode

START = datetime(2026, 3, 2, tzinfo=UTC)


def weeks(counts: list[tuple[int, int]], *, min_n: int = 20, partial_last: bool = False) -> pd.DataFrame:
    frame = pd.DataFrame(counts, columns=["failed", "n"])
    return frame.assign(
        period_start=pd.to_datetime([START + timedelta(weeks=at) for at in range(len(counts))], utc=True),
        rate=(frame["failed"] / frame["n"]).where(frame["n"] >= min_n),
        partial=[partial_last and at == len(counts) - 1 for at in range(len(counts))],
    )


def test_two_bad_weeks_in_a_row_are_one_episode_with_its_beginning_and_end() -> None:
    episode = find_episode(
        {"quiet": weeks([(5, 100)] * 9), "bad": weeks([*[(5, 100)] * 5, (20, 100), (25, 100), (5, 100)])}
    )
    assert episode is not None
    assert episode.business_product_id == "bad"
    assert episode.from_time == START + timedelta(weeks=5)
    assert episode.to_time == START + timedelta(weeks=7)
    assert episode.usual_rate == pytest.approx(0.05)
    assert episode.is_over


def test_an_episode_that_reaches_the_newest_full_week_is_not_over() -> None:
    episode = find_episode({"bad": weeks([*[(5, 100)] * 6, (25, 100), (9, 40)], partial_last=True)})
    assert episode is not None
    assert not episode.is_over


def test_a_rise_that_lasts_is_not_over_however_many_weeks_it_has_taken() -> None:
    """The run that is looked for is at most half of all weeks, so the first ones of a long rise would do."""
    for bad in range(2, 8):
        episode = find_episode({"bad": weeks([*[(7, 168)] * 3, *[(35, 168)] * bad, (20, 96)], partial_last=True)})
        assert episode is not None
        assert episode.from_time == START + timedelta(weeks=3)
        assert episode.to_time == START + timedelta(weeks=3 + bad)
        assert episode.usual_rate == pytest.approx(7 / 168)
        assert not episode.is_over


def test_the_newest_days_tell_whether_it_is_over_though_their_week_is_not_full_or_not_rated() -> None:
    bad = [*[(0, 70)] * 7, (56, 70)]
    over = find_episode({"bad": weeks([*bad, (0, 120)], partial_last=True)})
    assert over is not None
    assert over.is_over
    few = find_episode({"bad": weeks([*bad, (0, 8)])})
    assert few is not None
    assert few.is_over
    cannot_tell = find_episode({"bad": weeks([*bad, (1, 2)])})
    assert cannot_tell is not None
    assert not cannot_tell.is_over


def test_an_episode_without_a_clear_end_is_not_called_over() -> None:
    episode = find_episode({"bad": weeks([*[(5, 100)] * 6, (40, 100), (4, 12), (5, 14)])})
    assert episode is not None
    assert not episode.is_over


@pytest.mark.parametrize(
    ("failed", "n", "is_over"),
    [
        (21, 175, False),  # lower than 36 of 175, and four times the usual rate
        (5, 175, True),
        (7, 175, True),  # 4.0 % beside 2.9 %: chance
        (390, 10_000, True),  # clearly higher than usual, and less than 1.5 times as high
    ],
)
def test_a_rise_that_eases_is_over_when_the_rate_is_about_the_usual_one_again(
    failed: int, n: int, is_over: bool
) -> None:
    episode = find_episode({"bad": weeks([*[(5, 175)] * 12, (36, 175), (failed, n)], partial_last=True)})
    assert episode is not None
    assert (episode.from_time, episode.to_time) == (START + timedelta(weeks=12), START + timedelta(weeks=13))
    assert episode.is_over is is_over
    assert episode.stays_high is not is_over


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [(3, 4)],
        [(0, 100)] * 8,
        [(5, 100)] * 8,
        [*[(0, 25)] * 8, (3, 25)],  # unlikely, but three failures are no alarm
        [*[(5, 100)] * 6, (15, 15)],  # too few to rate
    ],
)
def test_nothing_is_named_where_the_data_do_not_support_it(counts: list[tuple[int, int]]) -> None:
    assert find_episode({"any": weeks(counts)}) is None


def test_a_surge_of_requests_alone_is_no_episode() -> None:
    assert find_episode({"any": weeks([*[(5, 100)] * 8, (50, 1000)])}) is None


def test_a_bad_fortnight_stands_out_before_another_products_one_odd_week() -> None:
    """Tested singly, each of its weeks would raise the baseline of the other."""
    luma = [(13, 179), (7, 150), (5, 166), (9, 138), (18, 157), (20, 146), (5, 160)]
    harbor = [(5, 238), (8, 230), (2, 221), (8, 252), (5, 231), (15, 189), (10, 248)]
    episode = find_episode({"harbor": weeks(harbor), "luma": weeks(luma)})
    assert episode is not None
    assert episode.business_product_id == "luma"
    assert (episode.from_time, episode.to_time) == (START + timedelta(weeks=4), START + timedelta(weeks=6))


def test_weeks_with_a_gap_between_them_are_no_run() -> None:
    frame = weeks([(5, 100)] * 6)
    apart = frame.drop(index=3).reset_index(drop=True)
    runs = {(first, last) for first, last, *_ in _runs(apart).itertuples(index=False)}
    assert (1, 2) in runs
    assert (2, 3) not in runs


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    frame = weeks([(5, 100), (9, 120), (20, 90), (4, 60)])
    runs = _runs(frame)
    assert len(runs) == 4 + 3
    for first, last, _, p_value in runs.itertuples(index=False):
        inside = frame.loc[first:last]
        failed, n = inside["failed"].sum(), inside["n"].sum()
        others, other_n = frame["failed"].sum() - failed, frame["n"].sum() - n
        table = [[failed, n - failed], [others, other_n - others]]
        assert p_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue)


def test_steady_data_raise_a_false_alarm_at_most_as_often_as_stated() -> None:
    dice = random.Random(5)
    alarms = 0
    for _ in range(200):
        products = {
            str(product): weeks([(sum(dice.random() < 0.05 for _ in range(120)), 120) for _ in range(8)])
            for product in range(4)
        }
        alarms += find_episode(products) is not None
    assert alarms <= 0.08 * 200
