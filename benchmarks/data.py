"""The files that all contestants read: sample events as gzip, one JSON record per line.

The sample's broken records and odd framings are left out, for two of the contestants stop at the first of them.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

FILES = 10


def write(folder: Path, events: int) -> Path:
    """Write about `events` records below a folder, unless they exist; return the folder of the files."""
    clean = folder / f"events-{events}"
    if clean.exists():
        return clean
    raw = folder / f"raw-{events}"
    _sample(raw, events)
    lines: list[bytes] = []
    for path in sorted(raw.glob("*.json.gz")):
        with gzip.open(path, "rb") as stream:
            lines.extend(line for line in stream if _is_envelope(line))
    partial = folder / f"partial-{events}"
    partial.mkdir()
    per_file = -(-len(lines) // FILES)
    for number in range(FILES):
        part = lines[number * per_file : (number + 1) * per_file]
        (partial / f"part-{number:02d}.json.gz").write_bytes(gzip.compress(b"".join(part), 6, mtime=0))
    partial.rename(clean)
    return clean


def _sample(out: Path, events: int, *options: str) -> None:
    command = [
        "-m",
        "bwp_client",
        "sample",
        "--events",
        str(events),
        "--out",
        str(out),
        "--until",
        "2026-11-24",
        *options,
    ]
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)


def top_up(folder: Path, events: int) -> Path:
    """Write events of the newest day that differ from all before; return their folder."""
    run = uuid4().hex[:12]
    more = folder / f"more-{run}"
    task = f"businessProduct/bp-bench/personalDataDeletionTask/5eed5eed-{run[:4]}-{run[4:8]}-"
    more.mkdir()
    lines = [
        json.dumps(
            {
                "version": "0",
                "id": str(uuid4()),
                "detail-type": f"PERSONAL_DATA_DELETION_TASK_{'FAILED' if number % 20 == 0 else 'COMPLETED'}",
                "source": "aws.partner/buywithprime/sample-store-events",
                "account": "123456789012",
                "time": f"2026-11-24T{number % 5:02d}:{number % 60:02d}:{number // 60 % 60:02d}Z",
                "region": "us-east-1",
                "resources": [f"{task}{number:017d}"],
                "detail": {},
            },
            separators=(",", ":"),
        )
        for number in range(events)
    ]
    (more / "part.json.gz").write_bytes(gzip.compress("\n".join(lines).encode(), 6, mtime=0))
    return more


def _is_envelope(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and isinstance(record.get("id"), str) and isinstance(record.get("resources"), list)
