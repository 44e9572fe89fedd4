"""Loads, archive loads, lookups, imports and every care at once, a third of them killed: nothing lost, nothing doubled.

`CHAOS_SECONDS` (120) is the length of a long run, `CHAOS_SEEDS` (1 2 3) are its seeds.
"""

import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from deltalake import DeltaTable
from support.chaos_child import CLOCK_BEHIND_DAYS, RETENTION_SECONDS, exit_code, prepared_context, start
from support.chaos_world import BEHIND_DAYS, Fact, World, key_of_raw, make_world, write_world
from support.emulator import Account
from support.s3 import Bucket
from support.sandbox import running_sandbox
from support.tables import clean_env

from bwp_client.sandbox.api.behaviour import Behaviour

SECONDS = float(os.environ.get("CHAOS_SECONDS", "120"))
SEEDS = [int(seed) for seed in os.environ.get("CHAOS_SEEDS", "1 2 3").split()]
MACHINES = 2
AIMED_AT_SHARE = 0.5
"""The share of commands that are to be killed; some of them end before."""
LONGEST_SECONDS = 280
"""A command that takes longer hangs."""
EXIT_CODES: dict[str, tuple[int, ...]] = {
    "load": (0, 1), "archive": (0, 1), "maintain": (0,), "purge": (0, 1), "enrich": (0, 1), "import": (0,), "retry": (0, 1),
    "status": (0,), "metric": (0,),
}  # fmt: skip
WEIGHTS = {
    "load": 6, "archive": 3, "maintain": 3, "purge": 2, "enrich": 4, "import": 2, "retry": 2, "status": 1, "metric": 1,
}  # fmt: skip
NEVER_SAID = re.compile(r"Traceback|A fault of ours|not there any more|panicked|does not exist|is not there|\x1b\[")
MakeAccount = Callable[..., Account]


@dataclass(frozen=True)
class Ended:
    """A command that ended, and how."""

    kind: str
    arguments: list[str]
    signal: int | None
    code: int
    out: str
    err: str
    seconds: float

    def as_text(self) -> str:
        return f"{self.arguments} ended with {self.code} after {self.seconds:.1f} s\n{self.out}\n{self.err}"

    @property
    def was_killed(self) -> bool:
        return self.signal is not None and self.code in (-self.signal, 128 + self.signal)


@dataclass
class Shop:
    """The warehouse of a world, and what reaches it."""

    world: World
    folder: Path
    warehouse: str
    env: dict[str, str]
    archive: str = ""
    never_killed: tuple[str, ...] = ()
    commands_at_once: int = 6
    context: ForkServerContext = field(default_factory=prepared_context)
    ended: list[Ended] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def arguments_of(self, kind: str, dice: random.Random) -> tuple[list[str], dict[str, str]]:
        """Return the arguments of a random command of a kind, and its own environment."""
        world, env = self.world, {}
        if kind == "load":
            name = dice.choice([*world.files, ""])
            options: list[str] = dice.choice([[], [], ["--reread"]])
            if dice.random() < 0.2:
                first, last = sorted(dice.sample(range(1, 60), 2), reverse=True)
                options += ["--from", self.day(first), "--to", self.day(last)]
            if dice.random() < 0.2:
                env[CLOCK_BEHIND_DAYS] = str(BEHIND_DAYS)
            return ["load", str(self.folder / "in" / name), *options], env
        if kind == "archive":
            window = self.window_options(dice.choice(world.windows))
            return ["load", f"archive://{self.archive}", *dice.choice([window, window[:2]])], env
        return {
            "maintain": lambda: ["maintain", *dice.choice([[], [], ["--rebuild"]])],
            "purge": lambda: ["purge", "--before", f"{dice.choice(world.floors):%Y-%m-%d}"],
            "enrich": lambda: ["enrich", *dice.choice([[], [], ["--limit", "20"], ["--max-minutes", "0.1"]])],
            "import": lambda: ["import", str(self.folder / f"requests-{dice.randrange(1, len(world.imports))}.csv")],
            "retry": lambda: ["quarantine", "retry"],
            "status": lambda: ["status"],
            "metric": lambda: ["metric", "failure_rate", "--from", self.day(60)],
        }[kind](), env

    def day(self, days_ago: int) -> str:
        return f"{self.world.today - timedelta(days=days_ago):%Y-%m-%d}"

    @staticmethod
    def window_options(window: tuple[datetime, datetime]) -> list[str]:
        return ["--from", window[0].isoformat(), "--to", window[1].isoformat()]

    def run(
        self, kind: str, arguments: list[str], env: dict[str, str], *, machine: int = 0,
        kill: tuple[int, float] | None = None,
    ) -> Ended:  # fmt: skip
        """Run a command on a machine, and kill it with a signal after some seconds if it still runs."""
        said = self.folder / "said" / f"{next(self.numbers):04d}"
        own = {"XDG_CACHE_HOME": str(self.folder / f"cache-{machine}"), "TMPDIR": str(self.folder / f"temp-{machine}")}
        begun, sent = time.monotonic(), None
        process = start(
            self.context, [*arguments, "--warehouse", self.warehouse, "--json"], folder=self.folder,
            env=clean_env(**self.env | own | env), said=said,
        )  # fmt: skip
        if kill and exit_code(process, kill[1]) is None:
            with suppress(ProcessLookupError):  # it may end in this moment
                os.kill(process.pid or 0, kill[0])
                sent = kill[0]
        code = exit_code(process, LONGEST_SECONDS)
        if code is None:
            process.kill()
            raise AssertionError(f"hangs: {arguments}")
        texts = [_text(Path(f"{said}.{end}")) for end in ("out", "err")]
        ended = Ended(kind, arguments, sent, code, *texts, time.monotonic() - begun)
        self.ended.append(ended)
        return ended


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def cause_chaos(shop: Shop, seconds: float) -> None:
    """Run random commands on both machines at once, and kill a third of them."""
    until = time.monotonic() + seconds
    took: dict[str, list[float]] = defaultdict(lambda: [1.0])
    weights = {kind: weight for kind, weight in WEIGHTS.items() if shop.archive or kind != "archive"}

    def operate(machine: int, dice: random.Random) -> None:
        while time.monotonic() < until:
            (kind,) = dice.choices(list(weights), list(weights.values()))
            arguments, env = shop.arguments_of(kind, dice)
            usual = sorted(took[kind])[len(took[kind]) // 2]
            number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            kill = (number, dice.uniform(0.05, 1.0) * usual) if dice.random() < AIMED_AT_SHARE else None
            kill = None if kind in shop.never_killed else kill
            ended = shop.run(kind, arguments, env, machine=machine, kill=kill)
            if ended.signal is None:
                took[kind].append(ended.seconds)

    dice = random.Random(shop.world.seed)
    with ThreadPoolExecutor(shop.commands_at_once) as pool, old_files_looking_older(Path(shop.warehouse)):
        operators = [
            pool.submit(operate, number % MACHINES, random.Random(dice.random()))
            for number in range(shop.commands_at_once)
        ]
        for operator in operators:
            operator.result()


@contextmanager
def old_files_looking_older(warehouse: Path) -> Iterator[None]:
    """Make each file that has its age of a retention look three hours older, so that `maintain` deletes it."""
    over = threading.Event()

    def age() -> None:
        while not over.wait(1):
            now = time.time()
            for path in warehouse.rglob("*"):
                try:
                    written = path.stat().st_mtime
                    if RETENTION_SECONDS < now - written < 3600:
                        os.utime(path, (written - 3 * 3600,) * 2)
                except FileNotFoundError:
                    continue

    thread = threading.Thread(target=age)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finish_in_quiet(shop: Shop) -> None:
    """Load, import, retry and look up everything once more, undisturbed."""
    world, folder = shop.world, shop.folder
    archive = ["load", f"archive://{shop.archive}"]
    options = [*map(shop.window_options, world.windows), []] if shop.archive else []
    commands = [("archive", archive + window) for window in options]
    commands += [("load", ["load", str(folder / "in")]), ("retry", ["quarantine", "retry"])]
    commands += [("import", ["import", str(folder / f"requests-{at}.csv")]) for at in range(1, len(world.imports))]
    commands += [("enrich", ["enrich", "--retry-failed"]), ("maintain", ["maintain"])]
    for kind, arguments in commands:
        shop.run(kind, arguments, {})


class Tables:
    """The newest versions of the tables, read without any code of the product."""

    def __init__(self, warehouse: str, options: dict[str, str] | None) -> None:
        self.warehouse = warehouse
        self.options = options

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(
            DeltaTable(f"{self.warehouse}/{table}", storage_options=self.options).to_pyarrow_table().to_pylist()
        )

    def version(self, table: str) -> int:
        return DeltaTable(f"{self.warehouse}/{table}", storage_options=self.options).version()


def check_commands(shop: Shop, _tables: Tables, _floor: datetime) -> int:
    """Check that each command that was not killed ended as documented, and wrote nothing but JSON."""
    wrong = []
    for ended in shop.ended:
        if ended.was_killed:
            if NEVER_SAID.search(ended.err):
                wrong.append(ended)
            continue
        try:
            said = json.loads(ended.out)
            lines = [json.loads(line) for line in ended.err.splitlines()]
            is_right = ended.code in EXIT_CODES[ended.kind] and not NEVER_SAID.search(ended.err)
            is_right = is_right and all(isinstance(line, dict) and line["event"] != "log" for line in lines)
            if ended.kind in ("load", "archive"):
                is_right = is_right and said["read"] == sum(
                    said[name] for name in ("stored", "duplicate", "ignored", "quarantined")
                )
        except ValueError:
            is_right = False
        if not is_right:
            wrong.append(ended)
    assert not wrong, "\n\n".join(ended.as_text() for ended in wrong)
    return len(shop.ended)


def highest_floor(shop: Shop) -> datetime:
    """Return the highest floor of a purge that was not killed."""
    days = [ended.arguments[2] for ended in shop.ended if ended.kind == "purge" and not ended.was_killed]
    floors = [floor for floor in shop.world.floors if f"{floor:%Y-%m-%d}" in days]
    return max(floors, default=datetime.min.replace(tzinfo=UTC))


def check_events(shop: Shop, tables: Tables, floor: datetime) -> int:
    rows = tables.rows("events")
    stored = [
        Fact(
            (row["event_id"], row["event_type"], row["task_id"]), row["task_kind"], row["business_product_id"],
            row["outcome"], row["occurred_at"],
        )
        for row in rows
    ]  # fmt: skip
    assert_same(Counter(stored), Counter(shop.world.events_since(floor).values()), "events")
    return len(rows)


def check_outcomes(shop: Shop, tables: Tables, floor: datetime) -> int:
    rows = tables.rows("outcomes")
    names = ("business_product_id", "outcome", "occurred_at", "conflicting", "events_seen")
    stored = Counter(((row["task_id"], row["task_kind"]), tuple(row[name] for name in names)) for row in rows)
    assert_same(stored, Counter(shop.world.outcomes_since(floor).items()), "outcomes")
    return len(rows)


def check_lookups(shop: Shop, tables: Tables, floor: datetime) -> int:
    """Check one answer for each failed or waiting task, none for a purged task, and none twice."""
    world = shop.world
    outcomes = world.outcomes_since(floor)
    rows = tables.rows("lookups")
    # A task that has not ended yet is asked about again and again.
    attempts = {"found": lambda _row: 1, "pending": lambda row: row["attempt"]}
    asked = Counter(
        (row["task_id"], attempts[state](row)) for row in rows if (state := row["lookup_state"]) in attempts
    )
    answered = {task for task, _ in asked}
    needed = {task for (task, _), row in outcomes.items() if row[1] == "FAILED"} | world.waiting
    allowed = needed | ({task for task, _ in outcomes} & (world.failed_once() | set(world.requests)))
    assert needed <= answered, f"lookups: not answered: {needed - answered}"
    assert {row["task_id"] for row in rows} <= allowed, f"lookups: not to be there: {answered - allowed}"
    assert max(asked.values()) == 1, f"lookups: twice: {[task for task, count in asked.items() if count > 1]}"
    found = {row["task_id"] for row in rows if row["lookup_state"] == "found"}
    assert found == answered - world.waiting
    return len(rows)


def check_requests(shop: Shop, tables: Tables, _floor: datetime) -> int:
    rows = tables.rows("requests")
    stored = Counter((row["task_id"], (row["received_at"], row["note"])) for row in rows)
    assert_same(stored, Counter(shop.world.requests.items()), "requests")
    return len(rows)


def check_quarantine(shop: Shop, tables: Tables, _floor: datetime) -> int:
    world = shop.world
    rows = tables.rows("quarantine")
    of_archive = [row for row in rows if row["source_uri"].startswith("archive://")]
    of_files = [row for row in rows if not row["source_uri"].startswith("archive://")]
    assert_same(
        Counter((row["source_uri"].rpartition("/")[2], row["reason"]) for row in of_files), world.broken, "quarantine"
    )
    # A replay is a source of its own: its records come once each, however often SQS delivers them.
    by_replay = Counter((row["source_uri"].split("/")[3], key_of_raw(row["raw"])) for row in of_archive)
    twice = [key for key, count in by_replay.items() if count > 1]
    assert not twice, f"quarantine, twice: {twice}"
    assert {key for _, key in by_replay} == (world.archived_broken if shop.archive else set())
    return len(rows)


def check_published(_shop: Shop, tables: Tables, _floor: datetime) -> int:
    """Check that readers read the newest versions."""
    rows = tables.rows("runs")
    versions = json.loads(max(rows, key=lambda row: row["run_no"])["versions"])
    assert versions == {table: tables.version(table) for table in versions}, "not published"
    assert len({row["run_id"] for row in rows}) == len(rows), "runs: twice"
    return len(rows)


def assert_same(stored: Counter[Any], wanted: Counter[Any], table: str) -> None:
    lost, added = wanted - stored, stored - wanted
    assert not lost, f"{table}: {lost.total()} lost, such as {lost.most_common(3)}; {added.total()} added"
    assert not added, f"{table}: {added.total()} doubled or added, such as {added.most_common(3)}"


def report(shop: Shop, counts: dict[str, int]) -> None:
    print(f"\nseed {shop.world.seed}, {'S3' if shop.warehouse.startswith('s3://') else 'a folder'}:")
    for kind in WEIGHTS:
        ended = [item for item in shop.ended if item.kind == kind]
        codes = Counter(item.code for item in ended)
        killed = sum(item.was_killed for item in ended)
        print(f"  {kind:8} {len(ended):4} started, {killed:3} killed; exit codes {dict(codes)}")
    killed = sum(item.was_killed for item in shop.ended)
    print(f"  {'all':8} {len(shop.ended):4} started, {killed:3} killed; counted {counts}")


def go_through_chaos(shop: Shop, tables: Tables, seconds: float) -> None:
    write_world(shop.world, shop.folder)
    for name in ("said", "temp-0", "temp-1"):
        (shop.folder / name).mkdir()
    shop.run("load", ["load", str(shop.folder / "in" / "000.json")], {})
    shop.run("import", ["import", str(shop.folder / "requests-0.csv")], {})
    cause_chaos(shop, seconds)
    finish_in_quiet(shop)
    floor = highest_floor(shop)
    assert not [row for row in tables.rows("events") if row["occurred_at"] < floor], "purged events came back"
    shop.run("purge", ["purge", "--before", f"{shop.world.floors[-1]:%Y-%m-%d}"], {})
    shop.run("status", ["status"], {})
    floor = shop.world.floors[-1]
    checks: list[Callable[[Shop, Tables, datetime], int]] = [
        check_events, check_outcomes, check_lookups, check_requests, check_quarantine, check_published, check_commands,
    ]  # fmt: skip
    counts, wrong = {}, []
    for check in checks:
        try:
            counts[check.__name__.removeprefix("check_")] = check(shop, tables, floor)
        except AssertionError as error:
            wrong.append(str(error))
    report(shop, counts)
    if wrong:
        pytest.fail("\n\n".join(wrong))


@pytest.fixture(autouse=True)
def _plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the forked commands no main module: Streamlit's tests leave a page there, which each command would run."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))


@pytest.fixture
def api() -> Iterator[dict[str, str]]:
    """Serve the local Buy with Prime API, which now and then fails; return the settings that reach it."""
    with running_sandbox(Behaviour(latency_ms=20, error_rate=0.01)) as sandbox:
        yield {
            "BWP_API__ENDPOINT": f"{sandbox.url}/graphql",
            "BWP_API__TOKEN_ENDPOINT": f"{sandbox.url}/token",
            "BWP_API__CREDENTIALS": json.dumps({"*": {"client_id": "any", "client_secret": "the-secret"}}),
            "BWP_API__REQUESTS_PER_SECOND": "200",
        }


def test_the_tables_are_exact_after_seconds_of_chaos(api: dict[str, str], tmp_path: Path) -> None:
    warehouse = str(tmp_path / "warehouse")
    world = make_world(4, tasks=100, files=6, imports=2, has_archive=False)
    # The next lookups would wait for the claims of a killed run to end.
    shop = Shop(world, tmp_path, warehouse, api, never_killed=("enrich",), commands_at_once=4)
    go_through_chaos(shop, Tables(warehouse, None), 2)
    assert any(ended.was_killed for ended in shop.ended)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_tables_are_exact_after_chaos(
    make_account: MakeAccount, api: dict[str, str], tmp_path: Path, seed: int
) -> None:
    warehouse = str(tmp_path / "warehouse")
    account = make_account()
    world = make_archived_world(account, seed)
    go_through_chaos(
        Shop(world, tmp_path, warehouse, account.env | api, account.archive), Tables(warehouse, None), SECONDS
    )


@pytest.mark.s3
@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_tables_are_exact_after_chaos_on_s3(
    bucket: Bucket, make_account: MakeAccount, api: dict[str, str], tmp_path: Path
) -> None:
    account = make_account()
    world = make_archived_world(account, SEEDS[0])
    endpoint = bucket.env["AWS_ENDPOINT_URL"]
    env = bucket.env | account.env | {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_SECRET_ACCESS_KEY": "testtest"}
    shop = Shop(world, tmp_path, f"{bucket.uri}/warehouse", env | api, account.archive)
    go_through_chaos(shop, Tables(shop.warehouse, bucket.env | {"AWS_ALLOW_HTTP": "true"}), SECONDS)


def make_archived_world(account: Account, seed: int) -> World:
    """Draw a world, and publish the events of its archive, whose replays take their time."""
    world = make_world(seed)
    account.put(world.archived)
    account.emulator.turn(
        account.archive, events_per_second=60, duplicates=0.1, late=0.05, late_seconds=0.2, shuffled=True
    )
    return world
