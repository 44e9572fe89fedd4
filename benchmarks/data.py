"""The files that all contestants read: sample events, one JSON record a line, gzip.

The sample's broken records and odd framings are left out, for two of the contestants stop at the first of them.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

FILES = 10


def write(folder: Path, events: int) -> Path:
    """Write about `events` records below a folder, once; give the folder of the files."""
    clean = folder / f"events-{events}"
    if clean.exists():
        return clean
    raw = folder / f"raw-{events}"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "bwp_client",
            "sample",
            "--events",
            str(events),
            "--out",
            str(raw),
            "--until",
            "2026-11-24",
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
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


def _is_envelope(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and isinstance(record.get("id"), str) and isinstance(record.get("resources"), list)
