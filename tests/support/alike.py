"""Lines that differ in IDs and times alone, and what the exact decoder says of each line that was read by place."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from bwp_client.decoding.arrow_arrays import STAGED
from bwp_client.decoding.framing import line_bounds
from bwp_client.decoding.layout_reader import Alike, read_alike
from bwp_client.decoding.line_layouts import FEWEST, MOST_SHAPES, Shapes
from bwp_client.events import EVENT_TYPES, Refused, decode_record, rows_of
from support.events import envelope

LATEST = 1_800_000_000_000_000
COUNT = FEWEST + MOST_SHAPES


def uuid(number: int) -> str:
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))


def plain(number: int, **changes) -> dict:
    time = f"2026-0{number % 9 + 1}-{number % 28 + 1:02d}T{number % 24:02d}:{number % 60:02d}:59Z"
    product = "bp-" + uuid(number % 3)
    return envelope(uuid(number), id=uuid(number + 1000), time=time, product=product) | changes


def enveloped(number: int) -> dict:
    inner = plain(number)
    detail = {
        "idempotencyKey": uuid(number + 2000),
        "eventDescriptor": inner["detail-type"],
        "resources": inner["resources"],
        "eventId": inner["id"],
        "eventTime": inner["time"],
        "apiVersion": "2024-11-01",
        "subscriptionId": uuid(7),
        "data": {"id": "x", "time": "never", "list": [{"id": "y"}, "z", 3, None]},
    }
    return inner | {"detail": detail}


def ignored(number: int) -> dict:
    return plain(number, resources=["order/1", "order/2"]) | {"detail-type": "ORDER_CREATED"}


KINDS: dict[str, Callable[[int], dict]] = {
    "plain": plain,
    "enveloped": enveloped,
    "replayed": lambda number: plain(number) | {"replay-name": "again"},
    "ignored": ignored,
}


def lines_of(kind: str, count: int = COUNT) -> list[bytes]:
    return [json.dumps(KINDS[kind](number)).encode() for number in range(count)]


def verdict(line: bytes) -> list | str:
    """Give the rows, or the ignored type, as the exact decoder sees the line."""
    decoded = decode_record(line)
    if decoded.detail_type not in EVENT_TYPES:
        return decoded.detail_type
    return [list(row) for row in rows_of(decoded, latest_us=LATEST)]


def check(text: bytes) -> Alike:
    """Compare every line that was taken with the exact decoder's verdict."""
    begins, ends = line_bounds(text, len(text))
    found = read_alike(memoryview(text), begins, ends, Shapes(), latest_us=LATEST)
    columns = [found.rows[name].cast("int64") if name == "occurred_at" else found.rows[name] for name in STAGED]
    rows = [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]
    assert len(rows) == len(found.places)
    taken = [(place, [row]) for place, row in zip(found.places.tolist(), rows, strict=True)]
    taken += zip(found.ignored_places.tolist(), found.ignored, strict=True)
    assert len({place for place, _ in taken}) == len(taken)
    for place, made in taken:
        line = text[begins[place] : ends[place]]
        try:
            assert made == verdict(line), line
        except Refused as refused:
            pytest.fail(f"taken, but the exact decoder says {refused}: {line!r}")
    return found
