"""An AWS emulator on loopback, started once a session; every test gets a bus, an archive, a rule and a queue of its own."""

import fcntl
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.ports import free_port

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "tests" / "emulators" / "launcher.py"
READY_SECONDS = 60
ACCOUNT = "000000000000"
REGION = "us-east-1"
PARTNER = "aws.partner/buywithprime"
OWN_SOURCE = "shop.privacy"
PATTERN = {"source": [{"prefix": PARTNER}], "replay-name": [{"exists": True}]}


@dataclass(frozen=True)
class Emulator:
    """Where it listens, and the file it reads how archives behave from."""

    endpoint: str
    knobs_file: Path
    env: dict[str, str]

    def client(self, service: str, *, region: str = REGION, account: str = "test") -> Any:
        """Return a client; the emulator takes the access key for the number of an account."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            config=Config(retries={"total_max_attempts": 1}),
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )

    def turn(self, archive: str, **knobs: Any) -> None:
        """Set how an archive behaves from its next replay on."""
        told = json.loads(self.knobs_file.read_text()) if self.knobs_file.exists() else {}
        self.knobs_file.write_text(json.dumps(told | {archive: knobs}))


@dataclass(frozen=True)
class Account:
    """One archive with all that reading it needs."""

    emulator: Emulator
    events: Any
    sqs: Any
    bus: str
    archive: str
    rule: str
    queue_url: str
    dead_letters: str

    @property
    def bus_arn(self) -> str:
        return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{self.bus}"

    @property
    def rule_arn(self) -> str:
        return rule_arn(self.bus, self.rule)

    @property
    def env(self) -> dict[str, str]:
        return self.emulator.env | {
            "BWP_ARCHIVE__RULE_NAME": self.rule,
            "BWP_ARCHIVE__QUEUE_URL": self.queue_url,
        }

    def put(self, events: Iterable[dict[str, Any]]) -> None:
        """Publish events as the partner does, twenty at a time; on a bus of one's own, as anybody does, ten."""
        is_partner = self.bus.startswith(PARTNER)
        size, send = (20, self.events.put_partner_events) if is_partner else (10, self.events.put_events)
        entries = [entry_of(event, self.bus) for event in events]
        batches = [entries[at : at + size] for at in range(0, len(entries), size)]
        with ThreadPoolExecutor(4) as pool:
            for answer in pool.map(lambda batch: send(Entries=batch), batches):
                assert answer["FailedEntryCount"] == 0

    def another_queue(self, rule: str, pattern: dict[str, Any]) -> str:
        """Set up somebody else's rule and queue on the same bus."""
        name = f"q-{uuid4().hex[:10]}"
        policy = sending_policy(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", rule_arn(self.bus, rule))
        url = self.sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        self.events.put_rule(Name=rule, EventBusName=self.bus, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=rule, EventBusName=self.bus, Targets=[{"Id": "theirs", "Arn": queue_arn(url)}])
        return str(url)

    def waiting(self, queue_url: str | None = None) -> tuple[int, int]:
        """Count the visible and the not visible messages of a queue."""
        told = self.sqs.get_queue_attributes(QueueUrl=queue_url or self.queue_url, AttributeNames=["All"])["Attributes"]
        return int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesNotVisible"])

    def replays(self) -> list[dict[str, Any]]:
        """List the archive's replays."""
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:archive/{self.archive}"
        return list(self.events.list_replays(EventSourceArn=arn)["Replays"])


def rule_arn(bus: str, rule: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/" + (rule if bus == "default" else f"{bus}/{rule}")


def sending_policy(arn: str, rule: str) -> str:
    """Return the policy of a queue that lets one rule send, as JSON text."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue_arn(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


def entry_of(event: dict[str, Any], bus: str) -> dict[str, Any]:
    whose = {"Source": bus} if bus.startswith(PARTNER) else {"Source": OWN_SOURCE, "EventBusName": bus}
    return whose | {
        "Time": datetime.fromisoformat(event["time"]),
        "DetailType": event["detail-type"],
        "Resources": event["resources"],
        "Detail": json.dumps(event["detail"]),
    }


def _python() -> Path:
    """Give the emulator's own Python; make its environment where there is none yet."""
    with (ROOT / "Makefile").open("rb") as one_at_a_time:  # tests run in several processes
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", ".venv/.emulators"], cwd=ROOT, check=True, timeout=280)
    return ROOT / ".venv" / "emulators" / "bin" / "python"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Start the emulator."""
    folder = tmp_path_factory.mktemp("emulator")
    port, knobs = free_port(), folder / "knobs.json"
    env = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    own = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "LOG_LEVEL": "ERROR",
        "EMULATOR_KNOBS": str(knobs),
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [_python(), LAUNCHER], env=own, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        try:
            _wait(server, port, folder / "log")
            yield Emulator(env["AWS_ENDPOINT_URL"], knobs, env)
        finally:
            server.kill()
            server.wait()
            assert server.stdin
            server.stdin.close()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture
def make_account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Account]:
    """Set up archives; this process and its children reach the emulator."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    events, sqs = emulator.client("events"), emulator.client("sqs")

    def make(*, bus: str | None = None, pattern: dict[str, Any] | None = None, visibility: int = 30) -> Account:
        token = uuid4().hex[:10]
        bus = bus or f"{PARTNER}/acme-{token}"
        if bus != "default":
            events.create_event_bus(Name=bus, **({"EventSourceName": bus} if "/" in bus else {}))
        dead_policy = sending_policy(f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-{token}", rule_arn(bus, f"reader-{token}"))
        days = str(14 * 86_400)
        dead = sqs.create_queue(
            QueueName=f"dead-{token}", Attributes={"Policy": dead_policy, "MessageRetentionPeriod": days}
        )["QueueUrl"]
        account = Account(
            emulator,
            events,
            sqs,
            bus,
            f"archive-{token}",
            f"reader-{token}",
            "",
            dead,
        )
        queue_url = sqs.create_queue(
            QueueName=f"reader-{token}",
            Attributes={
                "VisibilityTimeout": str(visibility),
                "MessageRetentionPeriod": days,
                "Policy": sending_policy(f"arn:aws:sqs:{REGION}:{ACCOUNT}:reader-{token}", account.rule_arn),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": queue_arn(dead), "maxReceiveCount": 100}),
                "SqsManagedSseEnabled": "true",
            },
        )["QueueUrl"]
        events.create_archive(ArchiveName=account.archive, EventSourceArn=account.bus_arn)
        events.put_rule(Name=account.rule, EventBusName=bus, EventPattern=json.dumps(pattern or PATTERN))
        target = {"Id": "reader", "Arn": queue_arn(queue_url), "DeadLetterConfig": {"Arn": queue_arn(dead)}}
        events.put_targets(Rule=account.rule, EventBusName=bus, Targets=[target])
        return Account(emulator, events, sqs, bus, account.archive, account.rule, queue_url, dead)

    return make


@pytest.fixture
def account(make_account: Callable[..., Account]) -> Account:
    """Give an archive on a partner bus, ready to be read."""
    return make_account()
