import asyncio
import time

import pytest

from bwp_client.api.rate_limit import Pacer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(rate: float) -> tuple[Pacer, Clock]:
    clock = Clock()
    return Pacer(rate, concurrency=16, monotonic=clock, sleep=clock.sleep), clock


def run_against_a_limit(rate: float, limit: float, seconds: float) -> tuple[int, int]:
    """Return (answers, throttles) against a server with a token bucket of one second."""
    pacer, clock = paced(rate)
    saved, answers, throttles = limit, 0, 0
    while clock.now < seconds:
        step = 1 / pacer.rate
        clock.now += step
        saved = min(limit, saved + limit * step)
        if saved >= 1:
            saved -= 1
            answers += 1
            pacer.on_success()
        else:
            throttles += 1
            pacer.on_throttled(clock.now)
    return answers, throttles


def test_the_rate_starts_low_and_grows_up_to_the_configured_rate():
    pacer, clock = paced(8)
    assert pacer.rate == 2
    for _ in range(50):
        clock.now += 1 / pacer.rate
        pacer.on_success()
    assert pacer.rate == 8


def test_the_rate_halves_once_for_all_calls_in_flight():
    pacer, clock = paced(100)
    for _ in range(200):
        clock.now += 1 / pacer.rate
        pacer.on_success()
    sent_at = clock.now
    clock.now += 0.05
    assert [pacer.on_throttled(sent_at) for _ in range(10)] == [True] + [False] * 9
    assert pacer.rate == 50


@pytest.mark.parametrize(("rate", "limit"), [(50, 20), (200, 20), (20, 20), (25, 5), (1000, 100)])
def test_the_rate_settles_just_below_the_limit_of_the_server(rate, limit):
    answers, throttles = run_against_a_limit(rate, limit, seconds=60)
    assert answers >= 0.9 * limit * 60
    assert throttles / (answers + throttles) < 0.02


def test_the_rate_never_falls_to_zero():
    pacer, clock = paced(2)
    for _ in range(100):
        clock.now += 60
        pacer.on_throttled(clock.now)
    assert pacer.rate == pytest.approx(2 / 64)


def test_every_call_waits_for_the_pause_that_the_server_asked_for():
    pacer, _ = paced(5_000)

    async def run() -> float:
        await pacer.wait_turn()
        pacer.pause(3)
        return await pacer.wait_turn()

    assert asyncio.run(run()) == 3


def test_turns_follow_the_rate_in_real_time():
    async def run() -> float:
        loop = asyncio.get_running_loop()
        pacer = Pacer(400, concurrency=16, monotonic=loop.time, sleep=asyncio.sleep)
        pacer.rate = 200.0
        begin = loop.time()
        for _ in range(60):
            await pacer.wait_turn()
        return loop.time() - begin

    # 60 turns at 200 a second; the first comes at once.
    assert asyncio.run(run()) > 59 / 200 - 0.01


def test_a_standstill_is_not_followed_by_a_burst():
    async def run() -> float:
        loop = asyncio.get_running_loop()
        pacer = Pacer(100, concurrency=16, monotonic=loop.time, sleep=asyncio.sleep)
        pacer.rate = 100.0
        await pacer.wait_turn()
        time.sleep(1.5)  # noqa: ASYNC251 - a machine that gives us no time
        begin = loop.time()
        for _ in range(70):
            await pacer.wait_turn()
        return loop.time() - begin

    # Half a second's worth may come at once, the rest at the pace; with all that was lost it would take no time.
    assert asyncio.run(run()) > 0.18


def test_the_calls_in_flight_start_few_grow_to_the_configured_number_and_halve():
    pacer, clock = paced(100)
    seen = [int(pacer.max_in_flight)]
    for _ in range(3):
        for _ in range(seen[-1]):  # one round of answers
            pacer.on_success()
        seen.append(int(pacer.max_in_flight))
    assert seen == [2, 4, 8, 16]
    pacer.on_success()
    assert pacer.max_in_flight == 16
    clock.now += 1
    pacer.on_throttled(clock.now)
    assert pacer.max_in_flight == 8
    for _ in range(8):
        pacer.on_success()
    assert 8.9 < pacer.max_in_flight < 9.1
    for _ in range(20):
        clock.now += 1
        pacer.on_throttled(clock.now)
    assert pacer.max_in_flight == 1


def test_calls_in_flight_are_bounded_and_a_cancelled_call_frees_its_slot():
    async def run() -> tuple[int, int]:
        pacer, _ = paced(5_000)
        inside = most = done = 0

        async def ask() -> None:
            nonlocal inside, most, done
            async with pacer.slot:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1
                done += 1

        async with asyncio.timeout(10):
            tasks = [asyncio.create_task(ask()) for _ in range(40)]
            await asyncio.sleep(0)
            for task in tasks[5:30:3]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert done == sum(result is None for result in results) == 40 - 9
        return most, pacer.slot.borrowed_tokens

    assert asyncio.run(run()) == (2, 0)
