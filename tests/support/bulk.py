"""What is read in bulk, held against the exact decoder."""

from collections.abc import Sequence

import pytest

from bwp_client.decoding.arrow_arrays import STAGED_COLUMNS
from bwp_client.decoding.columnar import event_columns
from bwp_client.decoding.framing import RecordFramer
from bwp_client.decoding.records import RecordRun
from bwp_client.events import EVENT_TYPES, Refused, decode_record, rows_of

LATEST = 1_800_000_000_000_000


def exact(line: bytes) -> tuple[list, str | None]:
    """Return the rows, or the ignored type, by the exact decoder."""
    decoded = decode_record(line)
    if decoded.detail_type not in EVENT_TYPES:
        return [], decoded.detail_type
    return [list(row) for row in rows_of(decoded, latest_us=LATEST)], None


def runs_of(lines: Sequence[bytes]) -> list[RecordRun]:
    """Frame lines, and another behind them: what follows the last record of a block is not known yet."""
    framer = RecordFramer()
    data = b"".join(line + b"\n" for line in [*lines, b"{}"])
    items = [*framer.feed(data), *framer.finish()]
    return [item for item in items if isinstance(item, RecordRun)]


def taken(lines: Sequence[bytes]) -> int:
    """Check every line that was read in bulk against the exact decoder, and return how many were."""
    count = 0
    for run in runs_of(lines):
        found = event_columns(run.columns, latest_us=LATEST)
        columns = [
            found.rows[name].cast("int64") if name == "occurred_at" else found.rows[name] for name in STAGED_COLUMNS
        ]
        rows = [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]
        verdicts = dict(zip(found.taken.tolist(), ((row, None) for row in rows), strict=True))
        verdicts |= zip(found.ignored.tolist(), (([], kind) for kind in found.ignored_types.to_pylist()), strict=True)
        assert sorted([*verdicts, *found.left.tolist()]) == list(range(len(run)))
        for index, (row, ignored) in verdicts.items():
            line = run.text[run.begins[index] : run.ends[index]]
            try:
                assert ([row] if row else [], ignored) == exact(line)
            except Refused as refused:
                pytest.fail(f"taken, but the exact decoder says {refused}: {line!r}")
        count += len(verdicts)
    return count
