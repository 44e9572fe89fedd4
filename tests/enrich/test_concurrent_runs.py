"""Concurrent and killed runs: no answered task is asked about again, and no task is forgotten."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import enrich_child
from support.asking import Shop, eager
from support.sandbox import RunningSandbox, running_sandbox
from support.tables import clean_env

from bwp_client.load import load
from bwp_client.sandbox.api.behaviour import Behaviour
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

pytestmark = pytest.mark.timeout(120)


class Asked:
    """The task of each query that the server received, and a signal when there were enough queries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from bwp_client.sandbox.api import app

        self.tasks: list[str] = []
        self._waiters: list[tuple[int, threading.Event]] = []
        run = app.run

        def listening(operation, variables, **more):
            self.tasks.append(variables["taskId"])
            for count, event in self._waiters:
                if len(self.tasks) >= count:
                    event.set()
            return run(operation, variables, **more)

        monkeypatch.setattr(app, "run", listening)

    def wait_for(self, count: int) -> None:
        event = threading.Event()
        self._waiters.append((count, event))
        assert len(self.tasks) >= count or event.wait(60)

    def twice(self) -> list[str]:
        return [task for task, count in Counter(self.tasks).items() if count > 1]


@pytest.fixture
def asked(monkeypatch) -> Asked:
    return Asked(monkeypatch)


def failed_tasks(shop: Shop) -> list[str]:
    return [row[0] for row in shop.query("select task_id from outcomes where outcome = 'FAILED' order by 1")]


def answered(shop: Shop) -> list[str]:
    return [row[0] for row in shop.query("select task_id from lookups where lookup_state = 'found' order by 1")]


def run_together(shop: Shop, url: str, runs: int) -> list[int]:
    """Start runs at the same time; return how many tasks each asked about."""
    barrier = threading.Barrier(runs)

    def enrich_once(_: int) -> int:
        barrier.wait()
        return Shop(Warehouse(shop.warehouse.uri)).enrich(url, client_factory=eager).asked

    with ThreadPoolExecutor(runs) as pool:
        return list(pool.map(enrich_once, range(runs)))


def test_two_runs_at_once_share_the_tasks(sample_shop, asked):
    with running_sandbox(Behaviour(latency_ms=20)) as sandbox:
        shares = run_together(sample_shop, sandbox.url, 2)
    assert asked.twice() == []
    assert answered(sample_shop) == failed_tasks(sample_shop)
    assert sum(shares) == len(asked.tasks)


@pytest.mark.s3
def test_two_runs_at_once_share_the_tasks_on_s3(bucket, sample_folder, asked):
    warehouse = Warehouse(f"{bucket.uri}/w")
    load(warehouse, open_source(str(sample_folder)))
    with running_sandbox() as sandbox:
        run_together(Shop(warehouse), sandbox.url, 2)
    assert asked.twice() == []
    tasks = warehouse.handle(TableName.LOOKUPS).to_pyarrow_table(columns=["task_id"]).num_rows
    failed = warehouse.handle(TableName.OUTCOMES).to_pyarrow_table(columns=["outcome"]).column(0).to_pylist()
    assert tasks == len(asked.tasks) == failed.count("FAILED")


Starter = Callable[[RunningSandbox], subprocess.Popen[str]]


def start(shop: Shop, sandbox: RunningSandbox) -> subprocess.Popen[str]:
    """Start a run as a process with a lease of two seconds."""
    return subprocess.Popen(
        [sys.executable, enrich_child.__file__, shop.warehouse.uri, sandbox.url, "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_env(PYTHONPATH=str(Path(__file__).parents[1])),
    )


def finish(run: subprocess.Popen[str]) -> dict[str, int]:
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    return json.loads(out)


def wait_for_batches(shop: Shop, count: int) -> None:
    until = time.monotonic() + 60
    while shop.warehouse.handle(TableName.LOOKUPS).version() < count:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_the_tasks_of_a_killed_run_are_asked_about_by_the_next(sample_shop, asked, batches):
    with running_sandbox(Behaviour(latency_ms=20)) as sandbox:
        first = start(sample_shop, sandbox)
        asked.wait_for(1)
        wait_for_batches(sample_shop, batches)
        first.kill()
        first.communicate()
        stored, before = set(answered(sample_shop)), len(asked.tasks)
        rest = finish(start(sample_shop, sandbox))
    assert len(stored) >= batches
    assert answered(sample_shop) == failed_tasks(sample_shop)
    assert not stored & set(asked.tasks[before:])
    assert rest["asked"] == rest["found"] == len(failed_tasks(sample_shop)) - len(stored)
    assert rest["not_asked"] == 0


def test_two_runs_at_once_and_one_of_them_killed(sample_shop, asked):
    with running_sandbox(Behaviour(latency_ms=20)) as sandbox:
        runs = [start(sample_shop, sandbox) for _ in range(2)]
        asked.wait_for(60)
        runs[0].kill()
        runs[0].communicate()
        finish(runs[1])
        # The tasks left to the other run while it lived are asked about by the next run.
        finish(start(sample_shop, sandbox))
    assert answered(sample_shop) == failed_tasks(sample_shop)
    # What the killed run had asked and not stored was asked again; nothing else was.
    assert len(asked.tasks) - len(set(asked.tasks)) == len(asked.twice())
    assert sample_shop.query("select count(*), count(distinct task_id) from lookups") == [
        (len(failed_tasks(sample_shop)),) * 2
    ]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_many_kills_at_any_moment(sample_shop, asked):
    total = len(failed_tasks(sample_shop))
    with running_sandbox(Behaviour(latency_ms=20)) as sandbox:
        for number in range(25):
            run = start(sample_shop, sandbox)
            stored, before = set(answered(sample_shop)), len(asked.tasks)
            asked.wait_for(before + 1 + number % 7 * 3)
            run.kill()
            run.communicate()
            assert not stored & set(asked.tasks[before:])
        finish(start(sample_shop, sandbox))
    assert answered(sample_shop) == failed_tasks(sample_shop)
    assert total == len(set(asked.tasks))
