"""The same event has the same fate in every form that it comes in, whatever its fields hold that are not needed."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.events import envelope, resource
from support.packing import as_parquet, framed_snappy, hadoop_snappy, in_glue, zipped
from support.staging import staged_objects
from support.tables import rows
from support.wire import (
    http_firehose,
    lambda_firehose,
    lambda_kinesis,
    lambda_logs,
    lambda_sns,
    lambda_sqs,
    logs,
    received,
    received_kinesis,
    sns,
    sqs,
    zstd,
)

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse

Event = dict[str, Any]
STAMP = "2026-05-01T12:00:00.000Z"


def one(event: Event) -> str:
    return json.dumps(event)


def wrapped(wrap: Callable[[list[str]], Any]) -> Callable[[Event], bytes]:
    return lambda event: one(wrap([one(event)])).encode()


def in_stream(wrap: Callable[[list[bytes]], Any]) -> Callable[[Event], bytes]:
    return lambda event: one(wrap([one(event).encode()])).encode()


def parquet(change: Callable[[Event], Event] = lambda row: row, *, names: bool = True) -> Callable[[Event], bytes]:
    def form(event: Event) -> bytes:
        row = change(in_glue([event])[0] if names else event)
        if row.get("detail") == {}:
            del row["detail"]  # Parquet has no empty object
        return as_parquet(pa.table({name: [value] for name, value in row.items()}))

    return form


def with_text(row: Event) -> Event:
    """Hold `detail` and `resources` as text, as Athena's tables do."""
    return row | {name: json.dumps(row[name]) for name in ("detail", "resources") if name in row}


def with_bytes(row: Event) -> Event:
    """Hold every text as bytes, as writers do that do not mark text."""
    return {name: value.encode() if isinstance(value, str) else value for name, value in with_text(row).items()}


def with_map(row: Event) -> Event:
    """Hold `detail` as a map, which may be empty."""
    detail = row.get("detail")
    if isinstance(detail, dict) and all(isinstance(value, str) for value in detail.values()):
        return row | {"detail": pa.array([list(detail.items())], pa.map_(pa.string(), pa.string()))[0]}
    return with_text(row)


FORMS: dict[str, Callable[[Event], bytes]] = {
    "lines": lambda event: one(event).encode() + b"\n",
    "pretty": lambda event: json.dumps(event, indent=2).encode(),
    "array": lambda event: one([event]).encode(),
    "byte order mark": lambda event: b"\xef\xbb\xbf" + one(event).encode(),
    "CloudWatch export": lambda event: f"{STAMP} {one(event)}\n".encode(),
    "log line": lambda event: f"[INFO]\t{STAMP}\t1f2e request: {one(event)} done\r\n".encode(),
    "gzip": lambda event: gzip.compress(one(event).encode()),
    "gzip twice": lambda event: gzip.compress(gzip.compress(one(event).encode())),
    "zstd": lambda event: zstd(one(event).encode()),
    "snappy": lambda event: framed_snappy(one(event).encode()),
    "Hadoop snappy": lambda event: hadoop_snappy(one(event).encode()),
    "zip": lambda event: zipped([one(event).encode()]),
    "SNS": wrapped(lambda texts: sns(texts[0])),
    "SQS": wrapped(lambda texts: sqs(texts[0])),
    "SQS of SNS": wrapped(lambda texts: sqs(one(sns(texts[0])))),
    "SQS of an array": wrapped(lambda texts: sqs(f"[{texts[0]}]")),
    "SQS of pretty JSON": lambda event: one(sqs(json.dumps(event, indent=1))).encode(),
    "received": wrapped(received),
    "Lambda, SQS": wrapped(lambda_sqs),
    "Lambda, SNS": wrapped(lambda_sns),
    "logs": wrapped(logs),
    "logs with time stamps": wrapped(lambda texts: logs([f"{STAMP} {text}\n" for text in texts])),
    "Lambda, logs": wrapped(lambda_logs),
    "Lambda, Kinesis": in_stream(lambda_kinesis),
    "Kinesis, received": in_stream(received_kinesis),
    "Lambda, Firehose": in_stream(lambda_firehose),
    "Firehose, HTTP": in_stream(http_firehose),
    "Kinesis, gzip": in_stream(lambda parts: lambda_kinesis([gzip.compress(parts[0] + b"\n")])),
    "Kinesis of logs": in_stream(
        lambda parts: lambda_kinesis([gzip.compress(one(logs([parts[0].decode()])).encode())])
    ),
    "transformer": lambda event: one({"event": event}).encode(),
    "transformer with more": lambda event: one({"rule": "r", "event": event, "at": STAMP, "n": [1]}).encode(),
    "transformer, as text": lambda event: one({"event": one(event)}).encode(),
    "Glue's names": lambda event: one(in_glue([event])[0]).encode(),
    "Parquet": parquet(),
    "Parquet with the names of JSON": parquet(names=False),
    "Parquet with text": parquet(with_text),
    "Parquet with bytes": parquet(with_bytes),
    "Parquet with a map": parquet(with_map),
}
ODD_VALUES: dict[str, Any] = {
    "null": None, "number": 4711, "fraction": 1.5, "text": "text", "empty text": "", "JSON text": "{}", "true": True,
    "list": [1, 2], "empty list": [], "object": {"k": 1},
}  # fmt: skip
FOREIGN = envelope("t", id="f", **{"detail-type": "subscription.updated", "source": "aws.partner/shop.example/1/x"})
OURS = envelope("t-1", id="e-1")
NOT_NEEDED = ("version", "source", "account", "region", "replay-name")
IN_DETAIL = ("idempotencyKey", "apiVersion", "subscriptionId")
B = {"idempotencyKey": "k-1", "apiVersion": "2024-11-01", "subscriptionId": "s-1"}


def without(event: Event, *names: str) -> Event:
    return {name: value for name, value in event.items() if name not in names}


def cases() -> dict[str, tuple[Event, str]]:
    """Return events with their fate: the ID under which they are stored, `ignored`, or the reason of the quarantine."""
    made: dict[str, tuple[Event, str]] = {
        "as documented": (OURS, "e-1"),
        "foreign": (FOREIGN, "ignored"),
        "generation B": (OURS | {"detail": B}, "e-1"),
        "detail as text": (OURS | {"detail": json.dumps(B)}, "e-1"),
        "only what is needed": (without(OURS, "version", "source", "account", "region", "detail"), "e-1"),
        "the key alone": (without(OURS, "id") | {"detail": B}, ""),
        "no ID": (without(OURS, "id"), "not_an_envelope"),
        "no time": (without(OURS, "time"), "not_an_envelope"),
        "no resources": (without(OURS, "resources"), "not_an_envelope"),
        "a type that is no text": (OURS | {"detail-type": 4}, "not_an_envelope"),
        "bad time": (OURS | {"time": "yesterday"}, "bad_time"),
        "time as a number": (OURS | {"time": 1777636800}, "bad_time"),
        "resources of no task": (OURS | {"resources": ["businessProduct/b"]}, "no_task_in_resources"),
        "resources as JSON text": (OURS | {"resources": json.dumps([resource("t-1")])}, "e-1"),
        "resources as text": (OURS | {"resources": resource("t-1")}, "not_an_envelope"),
    }
    for what, value in ODD_VALUES.items():
        for name in ("id", "time", "resources", "detail", *NOT_NEEDED):
            made[f"foreign, {name}: {what}"] = (FOREIGN | {name: value}, "ignored")
        for name in IN_DETAIL:
            made[f"foreign, detail.{name}: {what}"] = (FOREIGN | {"detail": {name: value}}, "ignored")
            made[f"ours, detail.{name}: {what}"] = (OURS | {"detail": {name: value}}, "e-1")
        for name in NOT_NEEDED:
            made[f"ours, {name}: {what}"] = (OURS | {name: value}, "e-1")
        is_object = value is None or isinstance(value, dict) or value == "{}"
        made[f"ours, detail: {what}"] = (OURS | {"detail": value}, "e-1" if is_object else "not_an_envelope")
    for name in ("id", "time", "resources", "detail", *NOT_NEEDED):
        made[f"foreign, no {name}"] = (without(FOREIGN, name), "ignored")
    return made


CASES = cases()


def fates(objects: dict[str, bytes]) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """Return the fate of the only event of each object, and its row."""
    found, refused, counts = staged_objects(objects, [1_000_000])
    wheres = [*(row["source_uri"] for row in [*found, *refused]), *(uri for uri, one in counts.items() if one.ignored)]
    assert sorted(wheres) == sorted(objects)
    apart = ("source_uri", "source_offset")
    stored = {row["source_uri"]: {name: value for name, value in row.items() if name not in apart} for row in found}
    return (
        dict.fromkeys(objects, ("ignored", None))
        | {row["source_uri"]: (row["reason"], None) for row in refused}
        | {uri: (row["envelope_id"], row) for uri, row in stored.items()}
    )


def can_hold(form: str, event: Event) -> bool:
    """Tell whether a form can hold an event: a column of Parquet has one type, and no empty object."""
    if not form.startswith("Parquet"):
        return True
    try:
        FORMS[form](event)
    except (pa.ArrowException, TypeError):
        return False
    return True


@pytest.mark.parametrize("form", FORMS)
def test_the_fate_of_an_event_is_the_same_in_every_form(form: str) -> None:
    objects = {name: FORMS[form](event) for name, (event, _) in CASES.items() if can_hold(form, event)}
    assert len(objects) > 0.9 * len(CASES)
    wrong = {name: found for name, (found, _) in fates(objects).items() if found != CASES[name][1]}
    assert wrong == {}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.sampled_from('ab{}[]":,\\ é😀'), max_size=8)
    | st.sampled_from(["{}", "[]", "null", '"{}"', STAMP, "businessProduct/b/personalDataDeletionTask/t"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", *IN_DETAIL]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
FIELDS = ("id", "time", "resources", "detail", "detail-type", *NOT_NEEDED)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([OURS, FOREIGN, OURS | {"detail": B}]), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3)
)
def test_whatever_the_fields_hold_all_forms_agree(event: Event, changes: Event) -> None:
    changed = event | changes
    found = fates({name: form(changed) for name, form in FORMS.items() if can_hold(name, changed)})
    assert {name: one for name, one in found.items() if one != found["lines"]} == {}, found["lines"]


LINES = [json.dumps(envelope(f"t-{number}")) for number in range(3)]
WIDE = {
    "lines": "\n".join(LINES),
    "pretty": json.dumps([envelope("t-1")], indent=2),
    "space first": f"\n\n  {LINES[0]}",
}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_text_in_wide_codes_is_one_row_that_names_them(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "in.json").write_bytes(text.encode(encoding))
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    load(warehouse, open_source(str(tmp_path / "in.json")))
    ((reason, excerpt),) = rows(warehouse, TableName.QUARANTINE, "reason", "excerpt")
    assert reason == "unsupported_format"
    assert encoding[:6].upper() in excerpt


OPEN = {
    "no bracket": f"[{','.join(LINES)}", "a comma": f"[{','.join(LINES)},", "lines": "[\n" + ",\n".join(LINES) + "\n",
    "one of two": f"[{LINES[0]}]\n[{LINES[1]},{LINES[2]}",
}  # fmt: skip
CLOSED = {
    "one": f"[{','.join(LINES)}]",
    "two": f"[{LINES[0]}]\n[{LINES[1]},{LINES[2]}]",
    "a line later": "\n".join([f"[{LINES[0]}]", *LINES[1:]]),
    "nested": f"[[{LINES[0]}],[{LINES[1]},{LINES[2]}]]",
}


@pytest.mark.parametrize(
    ("text", "is_open"), [*((t, True) for t in OPEN.values()), *((t, False) for t in CLOSED.values())]
)
def test_an_array_that_is_not_closed_is_named_and_its_records_are_stored(
    tmp_path: Path, text: str, is_open: bool
) -> None:
    (tmp_path / "in.json").write_text(text)
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    assert load(warehouse, open_source(str(tmp_path / "in.json"))).stored == 3
    expected = [
        ("object_cut_short", "The JSON array is not closed: its end is missing. The records before it were read.")
    ]
    assert rows(warehouse, TableName.QUARANTINE, "reason", "excerpt") == (expected if is_open else [])
