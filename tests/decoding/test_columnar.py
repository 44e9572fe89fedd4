"""Lines taken as columns get the same verdicts as the exact decoder gives them one by one."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.events import envelope, resource

from bwp_client.decoding.columnar import read_lines
from bwp_client.decoding.line_layouts import Shapes
from bwp_client.events import EVENT_TYPES, ROW_FIELDS, Refused, decode_record, rows_of

LATEST = 1_800_000_000_000_000
NAMES = [name.removesuffix("_us") for name in ROW_FIELDS]


def text(**changes) -> str:
    return json.dumps(envelope("t-1", **changes))


GOOD = text()
KEYS = {"idempotencyKey": "k", "apiVersion": "v", "subscriptionId": "s", "data": {"email": "x"}}
ODD = {
    "lowercase z": text(time="2026-05-01T00:00:00z"),
    "offset": text(time="2026-05-01T02:00:00+02:00"),
    "fraction": text(time="2026-05-01T00:00:00.123456Z"),
    "nanoseconds": text(time="2026-05-01T00:00:00.123456789Z"),
    "no offset": text(time="2026-05-01T00:00:00"),
    "space": text(time="2026-05-01 00:00:00Z"),
    "31 February": text(time="2026-02-31T00:00:00Z"),
    "leap second": text(time="2026-06-30T23:59:60Z"),
    "hour 24": text(time="2026-05-01T24:00:00Z"),
    "too early": text(time="2019-12-31T23:59:59Z"),
    "first second": text(time="2020-01-01T00:00:00Z"),
    "too late": text(time="2199-01-01T00:00:00Z"),
    "year 0": text(time="0000-01-01T00:00:00Z"),
    "null time": GOOD.replace('"2026-05-01T12:00:00Z"', "null"),
    "null id": text(id=None),
    "number id": text(id=5),
    "empty id": text(id=""),
    "long id": text(id="x" * 201),
    "longest id": text(id="é" * 200),
    "unicode id": text(id="ключ-é-😀"),
    "escaped id": GOOD.replace('"id": "e-', '"id": "\\u00e9-'),
    "lone surrogate": GOOD.replace('"id": "e-', '"id": "\\ud800-'),
    "broken UTF-8 in id": GOOD.replace('"id": "e-', '"id": "\udcff'),
    "broken UTF-8 in source": GOOD.replace('"source": "aws', '"source": "aws\udcff'),
    "broken UTF-8 in an unknown field": GOOD[:-1] + ', "x": "\udcff"}',
    "broken UTF-8 in another type": text(**{"detail-type": "ORDER_CREATED"}).replace("ORDER_", "ORDER_\udcff"),
    "NUL in id": GOOD.replace('"id": "e-', '"id": "\\u0000-'),
    "escaped slashes": GOOD.replace("/", "\\/"),
    "unicode task": text(resources=[resource("tâche")]),
    "space in task": text(resources=[resource("a b")]),
    "control in task": text(resources=[resource("a\u0007b")]),
    "long task": text(resources=[resource("t" * 201)]),
    "longest task": text(resources=[resource("t" * 200)]),
    "two resources": text(resources=[resource("t-1"), resource("t-2")]),
    "no resources": text(resources=[]),
    "null resource": text(resources=[None]),
    "null resources": text(resources=None),
    "text resources": text(resources=resource("t-1")),
    "odd path": text(resources=["businessProduct/x/personalDataDeletionTask"]),
    "no task": text(resources=["businessProduct/x"]),
    "turned path": text(resources=["personalDataDeletionTask/t/businessProduct/b"]),
    "three pairs": text(resources=["shop/s/" + resource("t-1")]),
    "trailing comma": GOOD[:-1] + ",}",
    "duplicate id": GOOD[:-1] + ', "id": "other"}',
    "duplicate time": GOOD[:-1] + ', "time": "2026-04-01T00:00:00Z"}',
    "duplicate resources": GOOD[:-1] + ', "resources": []}',
    "duplicate type": GOOD[:-1] + ', "detail-type": "OTHER"}',
    "other type": text(**{"detail-type": "ORDER_CREATED"}),
    "other type, bad time": text(time="never", **{"detail-type": "ORDER_CREATED"}),
    "other type, year 0": text(time="0000-05-01T00:00:00Z", **{"detail-type": "ORDER_CREATED"}),
    "other type, no task": text(resources=[], **{"detail-type": "ORDER_CREATED"}),
    "other type, 30 February": text(time="2026-02-30T00:00:00Z", **{"detail-type": "ORDER_CREATED"}),
    "other type, null resource": text(resources=[None], **{"detail-type": "ORDER_CREATED"}),
    "deep list": GOOD[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
    "many lists": GOOD[:-1] + ', "x": [' + "[]," * 5000 + "[]]}",
    "deep object": GOOD[:-1] + ', "x": ' + '{"a":' * 5000 + "1" + "}" * 5001,
    "Infinity": GOOD[:-1] + ', "x": [-Infinity ]}',
    "Inf": GOOD[:-1] + ', "x": Inf}',
    "number type": text(**{"detail-type": 4}),
    "null detail": text(detail=None),
    "text detail": text(detail="x"),
    "full detail": text(detail=KEYS),
    "null key": text(detail={"idempotencyKey": None}),
    "empty key": text(detail={"idempotencyKey": ""}),
    "number key": text(detail={"idempotencyKey": 1}),
    "long key": text(detail={"idempotencyKey": "k" * 201}),
    "replayed": text(**{"replay-name": "again"}),
    "null replay": text(**{"replay-name": None}),
    "number replay": text(**{"replay-name": 1}),
    "number account": text(account=123456789012),
    "missing region": text(region=None),
    "unknown fields": text(extra={"deep": [1, {"a": None}]}),
    "webhook": json.dumps(
        {
            "eventDescriptor": "PERSONAL_DATA_DELETION_TASK_FAILED",
            "eventId": "w-1",
            "eventTime": "2026-05-01T00:00:00Z",
            "resources": [resource("t-1")],
        }
    ),
    "empty object": "{}",
    "two objects": GOOD + GOOD,
    "array": f"[{GOOD}]",
    "text": '"x"',
    "no JSON": "<html>",
    "cut": GOOD[:100],
    "spaces": f"  {GOOD}  ",
    "return": GOOD + "\r",
    "NaN": GOOD[:-1] + ', "x": NaN}',
}


def exact(line: bytes) -> tuple[list, str | None]:
    """Give the rows, or the ignored type, as the exact decoder sees the line."""
    decoded = decode_record(line)
    if decoded.detail_type not in EVENT_TYPES:
        return [], decoded.detail_type
    return [list(row) for row in rows_of(decoded, latest_us=LATEST)], None


def compare(lines: list[str]) -> int:
    """Check every line that was taken; give how many were."""
    data = [line.encode("utf-8", "surrogatepass") for line in lines]
    ends = np.cumsum([len(line) + 1 for line in data]) - 1
    begins = ends - [len(line) for line in data]
    found = read_lines(memoryview(b"\n".join(data) + b"\n"), 1000, begins, ends, Shapes(), latest_us=LATEST)
    if found is None:
        return 0
    taken = [place for place in range(len(data)) if place not in set(found.left)]
    wanted_rows, wanted_ignored = [], Counter()
    for place in taken:
        try:
            rows, ignored = exact(data[place])
        except Refused as refused:
            pytest.fail(f"taken, but the exact decoder says {refused}: {lines[place]}")
        if ignored is not None:
            wanted_ignored[ignored] += 1
        wanted_rows += [[*row, 1000 + int(begins[place])] for row in rows]
    made = found.rows
    columns = [made["occurred_at"].cast("int64") if name == "occurred_at" else made[name] for name in NAMES]
    values = [["" if value is None else value for value in column.to_pylist()] for column in columns]
    assert [list(row) for row in zip(*values, made["source_offset"].to_pylist(), strict=True)] == wanted_rows
    assert Counter(found.ignored.to_pylist()) == wanted_ignored
    return len(taken)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("around", [False, True])
def test_an_odd_line_gets_the_exact_verdict(name: str, around: bool) -> None:
    compare([GOOD, ODD[name], GOOD] if around else [ODD[name]])


def test_plain_lines_are_taken() -> None:
    lines = [GOOD, ODD["full detail"], ODD["replayed"], ODD["other type"], ODD["unicode id"], ODD["null key"]]
    assert compare(lines) == len(lines)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(ODD)), min_size=1, max_size=6))
def test_any_mixture_gets_the_exact_verdicts(names: list[str]) -> None:
    compare([ODD[name] for name in names])
