"""`python -m benchmarks.sessions WAREHOUSE`: the server's time for each page, and for many users at once.

The clients speak Streamlit's own protocol over a websocket on the same cores: they draw nothing, so what is measured is the
server. A click is a filter changed or a page opened; it is over when the server says that the script is finished.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
PORT = 8798
PAGES = ("", "failure_rates", "error_codes", "trends", "tasks", "data_health")
WARM_VISITS = 20
THINK_SECONDS = 2.0
CHANCE_OF_A_PAGE = 0.3
"""How many of the clicks open another page; the rest change a filter."""
MOST_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Visitor:
    """One user's browser: its page and its filters."""

    socket: ClientConnection
    hashes: dict[str, str] = field(default_factory=dict)
    widgets: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    kind: str = ""
    product: str = ""

    async def click(self) -> float:
        """Run the current page; return the seconds until the script was finished."""
        message = BackMsg()
        rerun = message.rerun_script
        rerun.page_name = self.page if not self.hashes else ""
        rerun.page_script_hash = self.hashes.get(self.page, "")
        if radio := self.widgets.get("kind"):
            state = rerun.widget_states.widgets.add(id=radio.id)
            state.string_value = self.kind or radio.options[radio.default]
        if products := self.widgets.get("product"):
            state = rerun.widget_states.widgets.add(id=products.id)
            state.string_array_value.data.extend([self.product] if self.product else [])
        started = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        while True:
            got = ForwardMsg.FromString(await self.socket.recv())  # type: ignore[arg-type]
            kind = got.WhichOneof("type")
            if kind == "script_finished" and got.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_EARLY_FOR_RERUN,
            ):
                if got.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return time.perf_counter() - started
            elif kind == "navigation":
                self.hashes = {
                    ("" if page.is_default else page.url_pathname): page.page_script_hash
                    for page in got.navigation.app_pages
                }
            elif kind == "delta" and got.delta.WhichOneof("type") == "new_element":
                self._note(got.delta.new_element)

    def _note(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise SystemExit(f"{self.page or 'overview'} failed: {element.exception.type} {element.exception.message}")
        if kind == "radio" and element.radio.query_param_key == "kind":
            self.widgets["kind"] = element.radio
        if kind == "multiselect" and element.multiselect.query_param_key == "product":
            self.widgets["product"] = element.multiselect

    def choose(self, chance: random.Random) -> None:
        """Choose what to click next: another page, the other task kind, or a product."""
        if chance.random() < CHANCE_OF_A_PAGE:
            self.page = chance.choice([page for page in PAGES if page != self.page])
        elif chance.random() < 0.5:
            options = list(self.widgets["kind"].options)
            self.kind = options[(options.index(self.kind) + 1) % len(options)] if self.kind else options[1]
        else:
            self.product = chance.choice(["", *self.widgets["product"].options])


def _visit() -> connect:
    return connect(
        f"ws://127.0.0.1:{PORT}/_stcore/stream",
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=MOST_MESSAGE_BYTES,
        ping_interval=None,
    )


@contextmanager
def _server(warehouse: Path) -> Iterator[psutil.Process]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BWP_")}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("app.py", "pages", "bwp_client", ".streamlit"):
            (home / name).symlink_to(ROOT / name)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(PORT)],
            cwd=home,
            env=clean | {"BWP_SOURCE": str(home), "BWP_WAREHOUSE": str(warehouse.absolute())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not _is_ready():
                time.sleep(0.05)
            print(f"From start to ready: {time.perf_counter() - started:.1f} s\n")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _is_ready() -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _cpu(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


async def _each_page(server: psutil.Process) -> None:
    print(
        "| page | first visit, s | CPU s | again, ms | CPU ms | another filter, ms | CPU ms |\n|---|---|---|---|---|---|---|"
    )
    for page in PAGES:
        async with _visit() as socket:
            visitor = Visitor(socket, page=page)
            before = _cpu(server)
            first = await visitor.click()
            first_cpu = _cpu(server) - before
            again, again_cpu = await _timed(server, visitor, [""])
            products = list(visitor.widgets["product"].options)
            other, other_cpu = await _timed(server, visitor, products)
        print(
            f"| {page or 'overview'} | {first:.2f} | {first_cpu:.2f} | {again * 1000:.0f} | {again_cpu * 1000:.0f} "
            f"| {other * 1000:.0f} | {other_cpu * 1000:.0f} |",
            flush=True,
        )


async def _timed(server: psutil.Process, visitor: Visitor, products: list[str]) -> tuple[float, float]:
    """Click through the products; return the median wall seconds and the mean CPU seconds of a click."""
    times = []
    count = WARM_VISITS if len(products) == 1 else len(products)
    before = _cpu(server)
    for number in range(count):
        visitor.product = products[number % len(products)]
        times.append(await visitor.click())
    return statistics.median(times), (_cpu(server) - before) / count


async def _many(server: psutil.Process, people: int, reruns: int) -> None:
    times: list[float] = []
    memory = [server.memory_info().rss / 1e6]

    async def person(number: int) -> None:
        chance = random.Random(number)
        await asyncio.sleep(chance.random() * THINK_SECONDS)
        async with _visit() as socket:
            visitor = Visitor(socket)
            await visitor.click()
            for _ in range(reruns // people):
                await asyncio.sleep(THINK_SECONDS * (0.5 + chance.random()))
                visitor.choose(chance)
                times.append(await visitor.click())

    async def look() -> None:
        while True:
            target = len(times) + reruns // 10
            while len(times) < target:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            memory.append(server.memory_info().rss / 1e6)

    before, started = _cpu(server), time.perf_counter()
    looking = asyncio.create_task(look())
    await asyncio.gather(*(person(number) for number in range(people)))
    looking.cancel()
    took, cpu = time.perf_counter() - started, _cpu(server) - before
    print(
        f"\n{people} people, about {THINK_SECONDS:.0f} s between clicks, {len(times):,} clicks in {took:.0f} s, ",
        end="",
    )
    print(
        f"CPU {cpu / len(times) * 1000:.0f} ms a click.\n\n| clicks | median ms | 95th percentile | 99th |\n|---|---|---|---|"
    )
    half = len(times) // 2
    for name, part in (("first half, caches filling", times[:half]), ("second half", times[half:]), ("all", times)):
        cuts = statistics.quantiles(part, n=100)
        print(f"| {name} | {cuts[49] * 1000:.0f} | {cuts[94] * 1000:.0f} | {cuts[98] * 1000:.0f} |")
    print(f"Server's memory at each tenth, MB: {', '.join(f'{one:.0f}' for one in memory)}.")


async def _run(server: psutil.Process, people: list[int], reruns: int) -> None:
    await _each_page(server)
    for number in people:
        await _many(server, number, reruns)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--people", type=int, nargs="*", default=[20, 50])
    parser.add_argument("--reruns", type=int, default=5_000)
    options = parser.parse_args()
    with _server(options.warehouse) as server:
        asyncio.run(_run(server, options.people, options.reruns))


if __name__ == "__main__":
    main()
