"""Events read in bulk get the same verdicts as the exact decoder gives them one by one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bulk import taken
from support.events import envelope, resource


def encoded(lines: list[str]) -> list[bytes]:
    return [line.encode("utf-8", "surrogatepass") for line in lines]


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
    "no source, account, region and detail": json.dumps(
        {name: envelope("t-1")[name] for name in ("id", "detail-type", "time", "resources")}
    ),
    "detail as JSON text": text(detail=json.dumps(KEYS)),
    "list detail": text(detail=[1]),
    "number 0 as detail": text(detail=0),
    "number 0 as version": text(detail={"apiVersion": 0}),
    "false as key": text(detail={"idempotencyKey": False}),
    "list as key": text(detail={"idempotencyKey": []}),
    "null account": text(account=None),
    "false account": text(account=False),
    "list account": text(account=[]),
    "number source": text(source=5),
    "huge number as account": GOOD.replace('"123456789012"', "9" * 400),
    "other type, text detail": text(detail="x", **{"detail-type": "ORDER_CREATED"}),
    "other type, number key": text(detail={"idempotencyKey": 1}, **{"detail-type": "ORDER_CREATED"}),
    "other type, object key": text(detail={"idempotencyKey": {"k": 1}}, **{"detail-type": "ORDER_CREATED"}),
    "other type, list detail": text(detail=[1], **{"detail-type": "ORDER_CREATED"}),
    "other type, null everything": json.dumps(dict.fromkeys(envelope("t-1")) | {"detail-type": "ORDER_CREATED"}),
    "other type alone": '{"detail-type": "ORDER_CREATED"}',
    "empty type": text(**{"detail-type": ""}),
    "names of a Glue table": json.dumps(envelope("t-1")).replace("detail-type", "detail_type"),
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


IN_BULK = {
    "first second", "longest id", "unicode id", "escaped id", "broken UTF-8 in an unknown field", "NUL in id",
    "escaped slashes", "longest task", "duplicate id", "duplicate time", "duplicate type", "other type",
    "other type, no task", "other type, bad time", "other type, year 0", "other type, 30 February",
    "other type, text detail", "other type, number key", "other type, null everything", "other type alone", "many lists",
    "full detail", "null detail", "no source, account, region and detail", "null key", "empty key", "replayed",
    "null replay", "unknown fields", "two objects", "spaces", "return",
}  # fmt: skip
"""The lines that must be read in bulk; all others must be left to the exact decoder."""


@pytest.mark.parametrize("name", ODD)
def test_a_line_is_read_in_bulk_when_it_is_beyond_doubt(name: str) -> None:
    assert taken(encoded([ODD[name]])) == (name in IN_BULK) + (name == "two objects")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_line_between_good_ones_gets_the_exact_verdict(name: str) -> None:
    assert taken(encoded([GOOD, ODD[name], GOOD])) >= (3 if name in IN_BULK else 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(ODD)), min_size=1, max_size=6))
def test_any_mixture_gets_the_exact_verdicts(names: list[str]) -> None:
    taken(encoded([ODD[name] for name in names]))


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 199),
        st.integers(0, 1000),
        st.one_of(st.sampled_from(list(b'"\\/:,{}[]0 9\n')), st.integers(0, 127)),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["full detail", "replayed", "other type", "unknown fields"]), CHANGES)
def test_changed_bytes_get_the_exact_verdict_and_cost_only_their_neighbourhood(name: str, changes: list) -> None:
    lines = [bytearray(ODD[name].encode()) for _ in range(200)]
    for index, at, code in changes:
        lines[index][at % len(lines[index])] = code
    # Of a damaged line, the records before and behind it may be read exactly.
    assert taken(lines) >= 200 - 3 * len(changes)
