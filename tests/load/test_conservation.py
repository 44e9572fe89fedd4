"""Whatever the wire form, read = stored + duplicate + ignored + quarantined, as the generator of the records knows it."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.events import envelope
from support.packing import framed_snappy, hadoop_snappy, zipped
from support.tables import reasons, rows
from support.wire import control, lambda_sns, lambda_sqs, logs, received, sns, sqs, undelivered, webhook, zstd

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, newest_run

Key = tuple[str, str, str]


@dataclass
class Known:
    """What a text is, told by who made it."""

    record: Any
    good: list[Key] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


NAMES = st.integers(0, 12).map(str)
TEXTS = st.text(st.sampled_from('ab{}[]",:\\\n\t é😀'), max_size=8)


@st.composite
def events(draw: st.DrawFn) -> Known:
    """Draw one event, good or not, that is JSON by itself."""
    name, said = draw(NAMES), draw(TEXTS)
    kind, outcome = draw(st.sampled_from(["DELETION", "RETRIEVAL"])), draw(st.sampled_from(["COMPLETED", "FAILED"]))
    event = envelope(f"t-{name}", outcome=outcome, kind=kind, id=f"e-{name}", detail={"data": {"said": said}})
    shape = draw(
        st.sampled_from(["A", "B", "webhook", "replayed", "other", "no task", "too early", "no offset", "odd"])
    )
    key = (f"e-{name}", event["detail-type"], f"t-{name}")
    if shape == "B":
        event["detail"] = webhook(event) | {"idempotencyKey": f"k-{name}", "data": {"said": said}}
        key = (f"k-{name}", *key[1:])
    elif shape == "webhook":
        event = webhook(event)
    elif shape == "replayed":
        event["replay-name"] = said
    elif shape == "other":
        return Known(event | {"detail-type": "ORDER_CREATED"}, ignored=["ORDER_CREATED"])
    elif shape == "no task":
        return Known(event | {"resources": ["businessProduct/bp-1"]}, refused=["no_task_in_resources"])
    elif shape == "too early":
        return Known(event | {"time": "2001-01-01T00:00:00Z"}, refused=["time_out_of_range"])
    elif shape == "no offset":
        return Known(event | {"time": "2026-05-01T00:00:00"}, refused=["bad_time"])
    elif shape == "odd":
        return Known({"said": said}, refused=["not_an_envelope"])
    return Known(event, good=[key])


INNER = events() | st.builds(lambda text: Known("<" + text, refused=["not_json"]), TEXTS)
EMPTY = st.sampled_from(
    [
        Known(control(), ignored=["CONTROL_MESSAGE"]),
        Known(logs([]), ignored=["DATA_MESSAGE"]),
        Known(lambda_sqs([]), ignored=["Records"]),
        Known(undelivered("{}"), ignored=["Firehose delivery failure"]),
        Known(sns("?", Type="SubscriptionConfirmation"), ignored=["SubscriptionConfirmation"]),
    ]
)


def wrapped(kind: str, inner: list[Known]) -> Known:
    said = [one.record if isinstance(one.record, str) else json.dumps(one.record) for one in inner]
    made = {
        "logs": lambda: logs(said),
        "Lambda SQS": lambda: lambda_sqs(said),
        "Lambda SNS": lambda: lambda_sns(said),
        "Lambda SQS SNS": lambda: lambda_sqs([json.dumps(sns(one)) for one in said]),
        "received": lambda: received(said),
        "SNS": lambda: sns(said[0]),
        "SQS": lambda: sqs(said[0]),
        "SQS SNS": lambda: sqs(json.dumps(sns(said[0]))),
    }[kind]()
    held = inner[:1] if kind in {"SNS", "SQS", "SQS SNS"} else inner
    return Known(
        made,
        [key for one in held for key in one.good],
        [name for one in held for name in one.ignored],
        [reason for one in held for reason in one.refused],
    )


WRAPPED = st.builds(
    wrapped,
    st.sampled_from(["logs", "Lambda SQS", "Lambda SNS", "Lambda SQS SNS", "received", "SNS", "SQS", "SQS SNS"]),
    st.lists(INNER, min_size=1, max_size=4),
)
RECORDS = events() | WRAPPED | EMPTY
FRAMINGS = {
    "lines": lambda texts: "\n".join(texts) + "\n",
    "returns": "\r\n".join,
    "joined": "".join,
    "array": lambda texts: f"[{', '.join(texts)}]",
}
PACKINGS = {
    "plain": b"".join,
    "gzip": lambda parts: b"".join(map(gzip.compress, parts)),
    "zstd": lambda parts: b"".join(map(zstd, parts)),
    "snappy": lambda parts: b"".join(map(framed_snappy, parts)),
    "hadoop snappy": lambda parts: b"".join(map(hadoop_snappy, filter(None, parts))),
    "zip": zipped,
    "twice": lambda parts: gzip.compress(b"".join(map(gzip.compress, parts))),
}


@st.composite
def objects(draw: st.DrawFn) -> tuple[bytes, str, list[Known]]:
    """Draw one object: its bytes, a name that may lie about them, and what it holds."""
    records = draw(st.lists(RECORDS, max_size=8))
    indent = draw(st.sampled_from([None, None, 1]))
    ascii_only = draw(st.booleans())
    texts = [json.dumps(one.record, indent=indent, ensure_ascii=ascii_only) for one in records]
    text = FRAMINGS[draw(st.sampled_from(sorted(FRAMINGS)))](texts).encode() if texts else b""
    text = (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text
    cut = draw(st.integers(0, len(text)))
    data = PACKINGS[draw(st.sampled_from(sorted(PACKINGS)))]([text[:cut], text[cut:]])
    return data, draw(st.sampled_from(["json", "gz", "zst", "txt", "x"])), records


def check(made: list, data: st.DataObject) -> None:
    """Load objects, shuffled and some of them again under another name; a second load finds nothing to do."""
    made = data.draw(st.permutations(made + data.draw(st.lists(st.sampled_from(made), max_size=2))))
    known = [one for _, _, records in made for one in records]
    good = [key for one in known for key in one.good]
    ignored = Counter(name for one in known for name in one.ignored)
    refused = Counter(reason for one in known for reason in one.refused)
    with TemporaryDirectory() as folder:
        source = Path(folder, "in")
        source.mkdir()
        for place, (content, ending, _) in enumerate(made):
            (source / f"{place}.{ending}").write_bytes(content)
        warehouse = Warehouse(f"{folder}/warehouse")
        result = load(warehouse, open_source(str(source)))
        assert result.read == len(good) + ignored.total() + refused.total()
        assert (result.stored, result.duplicate) == (len(set(good)), len(good) - len(set(good)))
        assert (result.ignored, result.quarantined) == (ignored.total(), refused.total())
        run = newest_run(warehouse)
        assert run is not None
        assert (run.counts["ignored"], run.counts["quarantined"]) == (ignored, refused)
        columns = ("idempotency_key", "envelope_id", "event_type", "task_id")
        stored = rows(warehouse, TableName.EVENTS, *columns)
        assert {(idempotency_key or envelope_id, *rest) for idempotency_key, envelope_id, *rest in stored} == set(good)
        assert len(stored) == len(set(good))
        assert Counter(reasons(warehouse)) == refused
        again = load(warehouse, open_source(str(source)), reread=True)
        assert (again.read, again.stored) == (result.read, 0)
        assert len(reasons(warehouse)) == refused.total()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(objects(), min_size=1, max_size=5), st.data())
def test_every_record_of_every_wire_form_is_accounted_for(made: list, data: st.DataObject) -> None:
    check(made, data)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(objects(), min_size=1, max_size=5), st.data())
def test_every_record_is_accounted_for_many_times(made: list, data: st.DataObject) -> None:
    check(made, data)
