"""Event builders of plain dicts, files in every framing, and an independent reading of event files."""

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PRODUCT = "bp-2f1c8f1e-0000-4000-8000-000000000001"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PRIVACY = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}" for kind in ("DELETION", "RETRIEVAL") for outcome in ("COMPLETED", "FAILED")
}


def zulu(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def resource(task: str, *, kind: str = "DELETION", product: str = PRODUCT) -> str:
    return f"businessProduct/{product}/personalData{kind.title()}Task/{task}"


def envelope(
    task: str,
    *,
    outcome: str = "COMPLETED",
    kind: str = "DELETION",
    time: datetime | str = NOW,
    product: str = PRODUCT,
    **changes: Any,
) -> dict[str, Any]:
    """Give one event of generation A; its ID follows from what it says."""
    at = time if isinstance(time, str) else zulu(time)
    event: dict[str, Any] = {
        "version": "0",
        "id": f"e-{task}-{outcome}-{at}",
        "detail-type": f"PERSONAL_DATA_{kind}_TASK_{outcome}",
        "source": "aws.partner/buywithprime.example/bwp",
        "account": "123456789012",
        "time": at,
        "region": "us-east-1",
        "resources": [resource(task, kind=kind, product=product)],
        "detail": {},
    }
    return event | changes


def many(count: int, *, start: datetime = NOW - timedelta(days=40), step: timedelta = timedelta(minutes=30)) -> list:
    """Give events of as many tasks; every seventh failed."""
    return [
        envelope(f"t-{place:06d}", outcome="COMPLETED" if place % 7 else "FAILED", time=start + place * step)
        for place in range(count)
    ]


def text_of(events: Iterable[Any], framing: str = "lines") -> bytes:
    events = list(events)
    if framing == "lines":
        return "".join(json.dumps(event) + "\n" for event in events).encode()
    if framing == "joined":
        return "".join(json.dumps(event) for event in events).encode()
    if framing == "pretty":
        return "\n".join(json.dumps(event, indent=2) for event in events).encode()
    assert framing == "array"
    return json.dumps(events, indent=1).encode()


def write(path: Path, events: Iterable[Any], framing: str = "lines") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = text_of(events, framing)
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def raw_values(path: Path) -> Iterator[Any]:
    """Give every record of a file, None for one that is no JSON; by the standard library alone."""
    if path.suffix == ".gz":
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield None
        return
    text = path.read_text()
    if text.startswith("["):
        yield from json.loads(text)
        return
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        yield value
        while place < len(text) and text[place].isspace():
            place += 1


def is_proper(event: Any) -> bool:
    """Tell an event from a malformed record by the envelope's description alone."""
    if not isinstance(event, dict):
        return False
    if not all(isinstance(event.get(name), str) for name in ("id", "detail-type", "time")):
        return False
    paths = event.get("resources")
    if not event["time"].endswith("Z") or not isinstance(paths, list):
        return False
    if event["detail-type"] not in PRIVACY:
        return True
    parts = paths[0].split("/") if paths else []
    return bool(parts) and len(parts) % 2 == 0 and any(part.endswith("Task") for part in parts)


def time_of(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


def task_of(event: dict[str, Any]) -> str:
    parts = event["resources"][0].split("/")
    return next(parts[at + 1] for at in range(0, len(parts), 2) if parts[at].endswith("Task"))


def key_of(event: dict[str, Any]) -> tuple[str, str, str]:
    return (event["detail"].get("idempotencyKey") or event["id"], event["detail-type"], task_of(event))


def outcomes_of(events: Iterable[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, datetime, bool, int]]:
    """Give (task, kind) → (outcome, when, conflicting, events seen): the latest wins, FAILED on a tie."""
    seen: dict[tuple[str, str], dict[tuple[str, str, str], tuple[datetime, bool]]] = {}
    for event in events:
        kind, outcome = event["detail-type"].split("_")[2::2]
        one = seen.setdefault((task_of(event), kind), {})
        one.setdefault(key_of(event), (time_of(event), outcome == "FAILED"))
    result = {}
    for task, facts in seen.items():
        time, failed = max(facts.values())
        both = len({is_failed for _, is_failed in facts.values()}) == 2
        result[task] = ("FAILED" if failed else "COMPLETED", time, both, len(facts))
    return result
