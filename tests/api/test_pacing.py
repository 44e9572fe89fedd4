import asyncio

import pytest

from bwp_client.api.pacing import Pacer, RetryBudget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(rate: float) -> tuple[Pacer, Clock]:
    clock = Clock()
    return Pacer(rate, monotonic=clock, sleep=clock.sleep), clock


def run_against_a_limit(rate: float, limit: float, seconds: float) -> tuple[int, int]:
    """Give (answers, throttles) against a server that saves up one second's worth of calls."""
    pacer, clock = paced(rate)
    saved, answers, throttles = limit, 0, 0
    while clock.now < seconds:
        step = 1 / pacer.rate
        clock.now += step
        saved = min(limit, saved + limit * step)
        if saved >= 1:
            saved -= 1
            answers += 1
            pacer.note_clean()
        else:
            throttles += 1
            pacer.note_throttled(clock.now)
    return answers, throttles


def test_it_starts_gently_and_grows_to_the_configured_rate_but_not_beyond():
    pacer, clock = paced(8)
    assert pacer.rate == 2
    for _ in range(50):
        clock.now += 1 / pacer.rate
        pacer.note_clean()
    assert pacer.rate == 8


def test_it_halves_once_for_all_calls_that_were_under_way():
    pacer, clock = paced(100)
    for _ in range(200):
        clock.now += 1 / pacer.rate
        pacer.note_clean()
    sent_at = clock.now
    clock.now += 0.05
    assert [pacer.note_throttled(sent_at) for _ in range(10)] == [True] + [False] * 9
    assert pacer.rate == 50


@pytest.mark.parametrize(("rate", "limit"), [(50, 20), (200, 20), (20, 20), (25, 5), (1000, 100)])
def test_it_settles_just_below_what_the_server_takes(rate, limit):
    answers, throttles = run_against_a_limit(rate, limit, seconds=60)
    assert answers >= 0.9 * limit * 60
    assert throttles / (answers + throttles) < 0.02


def test_it_never_stops_altogether():
    pacer, clock = paced(2)
    for _ in range(100):
        clock.now += 60
        pacer.note_throttled(clock.now)
    assert pacer.rate == pytest.approx(2 / 64)


def test_everybody_waits_as_long_as_the_server_asked():
    pacer, clock = paced(5_000)

    async def run() -> float:
        await pacer.turn()
        pacer.note_throttled(clock.now, retry_after_seconds=3)
        return await pacer.turn()

    assert asyncio.run(run()) == 3


def test_turns_keep_the_pace_in_real_time():
    async def run() -> float:
        loop = asyncio.get_running_loop()
        pacer = Pacer(400, monotonic=loop.time, sleep=asyncio.sleep)
        pacer.rate = 200.0
        begin = loop.time()
        for _ in range(60):
            await pacer.turn()
        return loop.time() - begin

    # 60 turns at 200 a second, less what the bucket lets through at once.
    assert asyncio.run(run()) > 0.2


def test_retries_are_bounded_and_earned_back():
    budget = RetryBudget(tokens=2, earned_per_answer=0.5)
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    budget.earn()
    assert not budget.take()
    budget.earn()
    assert budget.take()
