"""`python -m benchmarks.enrich [--tasks N --seconds S]`: how well `enrich` uses the allowed rate, against the local API.

The local API runs as a process of its own on the same cores; ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from bwp_client.sandbox.sample.writer import write_sample

CREDENTIALS = {"*": {"client_id": "bench", "client_secret": "bench"}}
CONFIGURED = ((50.0, 8), (120.0, 8), (1000.0, 4))
"""API calls per second and calls in flight, to be reached with a latency of 50 ms."""
SERVER_LIMIT = 20.0
ONE_BY_ONE_TASKS = 300
EVENTS_PER_TASK = 1.25
"""Number of sample events per task that can be looked up."""


@dataclass(frozen=True, slots=True)
class Api:
    """A running local API."""

    endpoint: str
    token_endpoint: str


@contextmanager
def local_api(**knobs: float) -> Iterator[Api]:
    """Run the local API in a process of its own."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in knobs.items()]
    with subprocess.Popen(
        [sys.executable, "-m", "bwp_client", "sandbox", "--port", "0", "--json", "--exit-with-stdin", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        yield Api(**json.loads(process.stdout.readline()))
        process.stdin.close()


@dataclass(slots=True)
class Enriched:
    """One run of `enrich`, from its progress reports."""

    asked: int
    requests: int
    throttled: int
    seconds: float
    """Seconds from the first answer to the last."""
    answers: int
    """Answers within that time."""
    megabytes: dict[int, float]
    """Resident memory at each tenth of the tasks."""

    @property
    def per_second(self) -> float:
        """Answers per second after the first one."""
        return self.answers / self.seconds


def enrich(warehouse: Path, api: Api, *, rate: float, concurrency: int, **options: Any) -> Enriched:
    """Run `enrich` in its own process and measure it."""
    script = (
        "import json, sys, time\n"
        "from bwp_client.enrich import EnrichOptions, enrich\n"
        "from bwp_client.settings import Settings\n"
        "from bwp_client.warehouse import Warehouse\n"
        "parameters = json.loads(sys.argv[1])\n"
        "first = last = None\n"
        "tenth = 0\n"
        "def on_progress(state):\n"
        "    global first, last, tenth\n"
        "    last = (time.monotonic(), state)\n"
        "    first = first or last\n"
        "    if state.done * 10 // state.total > tenth:\n"
        "        tenth = state.done * 10 // state.total\n"
        "        print(json.dumps([tenth]), flush=True)\n"
        "result = enrich(Warehouse(parameters['warehouse']), Settings(api=parameters['api']),\n"
        "                EnrichOptions(**parameters['options']), on_progress=on_progress)\n"
        "(began, at_first), (ended, at_last) = first, last\n"
        "print(json.dumps({'asked': result.asked, 'requests': result.api_calls, 'throttled': at_last.throttled,\n"
        "                  'seconds': ended - began, 'answers': at_last.done - at_first.done}), flush=True)\n"
    )
    settings = {
        "endpoint": api.endpoint,
        "token_endpoint": api.token_endpoint,
        "credentials": CREDENTIALS,
        "requests_per_second": rate,
        "concurrency": concurrency,
    }
    parameters = json.dumps({"warehouse": str(warehouse), "api": settings, "options": options})
    megabytes: dict[int, float] = {}
    with subprocess.Popen([sys.executable, "-c", script, parameters], stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        assert process.stdout
        for line in process.stdout:
            value = json.loads(line)
            if isinstance(value, dict):
                return Enriched(megabytes=megabytes, **value)
            megabytes[value[0]] = watched.memory_info().rss / 1e6
    raise SystemExit("enrich ended without a result")


QUERY = """query TaskErrors($taskId: String!) {
  personalDataDeletionTask(taskId: $taskId) {
    taskId status submissionDate lastUpdatedDate holdingPeriod errors { code message }
  }
}"""


def plain_gql(api: Api, tasks: list[tuple[str, str]], *, rate: float = 1e9, concurrency: int = 1) -> float:
    """Look up (task ID, business product) pairs with plain gql clients; return tasks per second.

    With one client that is one call after the other; with more, each asks for itself, the n-th question not before its time
    at the given pace.
    """
    import asyncio

    import httpx
    from gql import Client, GraphQLRequest
    from gql.transport.httpx import HTTPXAsyncTransport

    form = {"grant_type": "client_credentials", **CREDENTIALS["*"]}
    token = httpx.post(api.token_endpoint, data=form).json()["access_token"]
    document = GraphQLRequest(QUERY).document

    async def ask(queue: Iterator[tuple[int, tuple[str, str]]], began: float) -> None:
        async with Client(transport=HTTPXAsyncTransport(api.endpoint)) as session:
            for number, (task_id, product) in queue:
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                headers = {
                    "Authorization": f"Bearer {token}",
                    "x-api-target-id": product,
                    "x-api-version": "2024-11-01",
                }
                request = GraphQLRequest(document, variable_values={"taskId": task_id})
                answer = await session.execute(request, extra_args={"headers": headers})
                assert answer["personalDataDeletionTask"]["status"]

    async def ask_all() -> float:
        began, queue = time.monotonic(), iter(enumerate(tasks))
        await asyncio.gather(*(ask(queue, began) for _ in range(concurrency)))
        return len(tasks) / (time.monotonic() - began)

    return asyncio.run(ask_all())


def deletions(warehouse: Path, count: int) -> list[tuple[str, str]]:
    """Return some deletion tasks as (task ID, business product)."""
    from bwp_client.warehouse import TableName, Warehouse

    rows = (
        Warehouse(str(warehouse))
        .handle(TableName.OUTCOMES)
        .to_pyarrow_table(columns=["task_id", "business_product_id", "task_kind", "conflicting"])
    )
    found = [
        (row["task_id"], row["business_product_id"])
        for row in rows.slice(0, count * 3).to_pylist()
        if row["task_kind"] == "DELETION"
    ]
    return found[:count]


def make_warehouse(folder: Path, tasks: int) -> Path:
    """Load sample events of about `tasks` tasks and return the warehouse."""
    events, warehouse = folder / f"events-{tasks}", folder / f"warehouse-{tasks}"
    write_sample(events, events=int(tasks * EVENTS_PER_TASK), seed=3, until=date(2026, 10, 31))
    subprocess.run(
        [sys.executable, "-m", "bwp_client", "load", str(events), "--warehouse", str(warehouse), "--json"],
        check=False,
        capture_output=True,
    )
    return warehouse


class Load:
    """The load average of the machine during the measurements, other programs included."""

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            self._samples.append(os.getloadavg()[0])

    def close(self) -> str:
        self._stop.set()
        self._thread.join()
        return f"{min(self._samples):.1f} to {max(self._samples):.1f}" if self._samples else "not seen"


def main() -> None:
    """Run the three benchmarks and print their tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the runs at a given rate")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ", end="")
    load = Load()
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as temporary:
        folder = Path(temporary)
        _paced(folder, options.seconds)
        _limited(folder, options.seconds)
        _many(folder, options.tasks)
    print(f"\nLoad average of the machine meanwhile: {load.close()}.")


def _paced(folder: Path, seconds: float) -> None:
    print("no server limit, 50 ms latency.\n")
    print(
        "Allowed: the configured pace, or so many in flight at what one question takes alone. Plain: as many gql clients"
    )
    print("that do nothing but ask, at the same pace.\n")
    print("| calls per second | in flight | allowed | plain | enrich | of allowed | of plain |")
    print("|---|---|---|---|---|---|---|")
    for rate, concurrency in CONFIGURED:
        with local_api(latency_ms=50) as api:
            warehouse = make_warehouse(folder, int(min(rate, concurrency * 20) * seconds * 1.3))
            alone = 1 / plain_gql(api, deletions(warehouse, 100))
            allowed = min(rate, concurrency / alone)
            count = int(allowed * seconds)
            plain = plain_gql(api, deletions(warehouse, count), rate=rate, concurrency=concurrency)
            done = enrich(warehouse, api, rate=rate, concurrency=concurrency, completed=True, limit=count)
        shares = f"{done.per_second / allowed:.1%} | {done.per_second / plain:.1%}"
        print(
            f"| {rate:.0f} | {concurrency} | {allowed:.1f} | {plain:.1f} | {done.per_second:.1f} | {shares} |",
            flush=True,
        )


def _limited(folder: Path, seconds: float) -> None:
    print(f"\nServer limit of {SERVER_LIMIT:.0f} calls per second, over {seconds:.0f} seconds:\n")
    print("| configured | answers per second | of the limit | throttled |\n|---|---|---|---|")
    warehouse = make_warehouse(folder, int(SERVER_LIMIT * seconds * 4))
    for rate in (20.0, 50.0, 200.0):
        with local_api(throttle_per_second=SERVER_LIMIT) as api:
            done = enrich(warehouse, api, rate=rate, concurrency=8, completed=True, max_minutes=seconds / 60)
        share = done.throttled / done.requests
        print(f"| {rate:.0f} | {done.per_second:.1f} | {done.per_second / SERVER_LIMIT:.1%} | {share:.1%} |")


def _many(folder: Path, tasks: int) -> None:
    warehouse = make_warehouse(folder, tasks)
    with local_api(latency_ms=50) as api:
        alone = plain_gql(api, deletions(warehouse, ONE_BY_ONE_TASKS))
        done = enrich(warehouse, api, rate=100_000.0, concurrency=64, completed=True)
    memory = ", ".join(f"{megabytes:.0f}" for _, megabytes in sorted(done.megabytes.items()))
    print(f"\n{done.asked:,} tasks, 50 ms latency, 64 in flight: {done.per_second:.0f} a second; ", end="")
    print(f"one by one with plain gql {alone:.1f}: {done.per_second / alone:.1f} times as many.")
    print(f"Memory at each tenth, MB: {memory}.")


if __name__ == "__main__":
    main()
