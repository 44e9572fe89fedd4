"""Lines that are read by place get the same verdicts as the exact decoder gives them one by one."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.alike import COUNT, KINDS, LATEST, check, lines_of, plain
from support.events import resource
from support.wire import webhook

from bwp_client.decoding.framing import line_bounds
from bwp_client.decoding.layout_reader import read_alike
from bwp_client.decoding.line_layouts import FEWEST, MOST_SHAPES, Shapes


@pytest.mark.parametrize("kind", KINDS)
def test_lines_that_are_alike_are_all_taken(kind: str) -> None:
    found = check(b"\n".join(lines_of(kind)) + b"\n")
    assert len(found.ignored if kind == "ignored" else found.places) == COUNT


def test_kinds_may_be_mixed() -> None:
    mixed = [line for group in zip(*map(lines_of, KINDS), strict=True) for line in group]
    found = check(b"\n".join(mixed) + b"\n")
    assert len(found.places) + len(found.ignored) == len(mixed)


def test_few_lines_are_left() -> None:
    found = check(b"\n".join(lines_of("plain", FEWEST - 1)) + b"\n")
    assert not len(found.places)


@pytest.mark.parametrize("end", [b"\r\n", b"\n\n", b" \n"])
def test_other_ends_of_lines_are_left_or_right(end: bytes) -> None:
    check(end.join(lines_of("plain")) + end)


def test_the_last_line_may_be_without_its_end() -> None:
    assert len(check(b"\n".join(lines_of("plain"))).places) == COUNT - 1


CHANGES = {
    "a quote that ends a text": (b'"id": "', b'"id": "",'),
    "a name of a field": (b'"region"', b'"regiox"'),
    "a slash in a task": (b"personalDataDeletionTask/", b"personalDataDeletionTask//"),
    "a space in a task": (b"personalDataDeletionTask/", b"personalDataDeletionTask/ "),
    "another path": (b"businessProduct/", b"businessProducx/"),
    "a letter in a time": (b":59Z", b":5xZ"),
    "a time that no clock has": (b":59Z", b":60Z"),
    "a day that no calendar has": (b'"time": "2026-0', b'"time": "2026-9'),
    "a year too early": (b'"time": "2026', b'"time": "2016'),
    "a year too late": (b'"time": "2026', b'"time": "2096'),
    "year 0": (b'"time": "2026', b'"time": "0000'),
    "an escape": (b'"id": "', b'"id": "\\n'),
    "a letter beyond ASCII": (b'"id": "', b'"id": "\xc3\xa9'),
    "broken UTF-8": (b'"id": "', b'"id": "\xff'),
    "a control character": (b'"id": "', b'"id": "\x01'),
    "DEL": (b'"id": "', b'"id": "\x7f'),
    "another region": (b"us-east-1", b"us-west-2"),
    "another type": (b"TASK_FAILED", b"TASK_FAILEX"),
    "a closing brace": (b'"}', b'"]'),
    "no brace": (b"{", b" "),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("place", [0, 5])
def test_a_line_that_is_not_quite_alike_gets_the_exact_verdict(kind: str, change: str, place: int) -> None:
    lines = lines_of(kind)
    old, new = CHANGES[change]
    length = len(lines[place])
    lines[place] = lines[place].replace(old, new, 1)
    # Of the same length as the others, or it would not be looked at beside them.
    while len(lines[place]) > length:
        at = lines[place].rindex(b"-")
        lines[place] = lines[place][: at + 1] + lines[place][at + 2 :]
    found = check(b"\n".join(lines) + b"\n")
    taken = {*found.places.tolist(), *found.ignored_places.tolist()}
    assert taken >= set(range(COUNT)) - {place}


def test_many_shapes_of_one_length() -> None:
    regions = [f"r-{number:02d}" for number in range(MOST_SHAPES + 1)]
    lines = [json.dumps(plain(number, region=regions[number // FEWEST])).encode() for number in range(9 * FEWEST)]
    found = check(b"\n".join(lines) + b"\n")
    assert len(found.places) == MOST_SHAPES * FEWEST


@pytest.mark.parametrize(
    "line",
    [
        {"resources": [resource("t-1"), resource("t-2")]},
        {"resources": []},
        {"resources": ["businessProduct/b/personalDataDeletionTask/t/more/x"]},
        {"resources": [resource("t" * 201)]},
        {"id": ""},
        {"id": "i" * 201},
        {"time": "2026-05-01T00:00:00+00:00"},
        {"detail": {"idempotencyKey": ""}},
        {"detail": {"idempotencyKey": None}},
        {"detail": {"idempotencyKey": "k" * 201}},
        {"detail": {"idempotencyKey": "k"}},
        {"detail.apiVersion": "2", "detail": {"apiVersion": "1"}},
        {"replay-name": None},
        {"extra": {"id": "other", "resources": ["x"], "detail": {"apiVersion": "3"}}},
        {"extra": [["x"], {"id": "y"}, "z"]},
    ],
)
def test_odd_lines_that_are_alike_get_the_exact_verdict(line: dict) -> None:
    check((json.dumps(plain(1) | line).encode() + b"\n") * COUNT)


def test_what_a_webhook_sends_is_left() -> None:
    """The same decoder takes it, but its fields have other names."""
    found = check(b"".join(json.dumps(webhook(plain(number))).encode() + b"\n" for number in range(COUNT)))
    assert not len(found.places)


@pytest.mark.parametrize(
    "line",
    [
        '{"detail": {"idempotencyKey": "k-1"}, %s, "detail": {}}',
        '{"detail": {}, %s, "detail": {"idempotencyKey": "k-1"}}',
        '{"detail": {"subscriptionId": "s-1"}, %s, "detail": {"apiVersion": "1"}}',
        '{%s, "resources": []}',
        '{"resources": [], %s}',
    ],
)
def test_of_two_objects_or_lists_of_one_name_the_exact_decoder_reads_one(line: str) -> None:
    lines = [line % json.dumps(event)[1:-1] for event in ({**plain(at), "detail": {}} for at in range(COUNT))]
    if '%s, "detail"' in line:
        lines = [text.replace(', "detail": {}, "detail"', ', "detail"') for text in lines]
    check("\n".join(lines).encode() + b"\n")


def test_a_webhook_body_with_names_of_an_envelope_is_read_as_the_webhook() -> None:
    bodies = [webhook(plain(at)) | {"id": "other-id", "time": "2026-01-01T00:00:00Z"} for at in range(COUNT)]
    check(b"".join(json.dumps(body).encode() + b"\n" for body in bodies))


def test_shapes_that_are_met_no_more_make_room() -> None:
    shapes = Shapes()
    for number in range(3 * MOST_SHAPES):
        line = json.dumps(plain(1, region=f"r-{number:02d}")).encode() + b"\n"
        begins, ends = line_bounds(line * FEWEST, len(line) * FEWEST)
        found = read_alike(memoryview(line * FEWEST), begins, ends, shapes, latest_us=LATEST)
        assert len(found.places) == FEWEST
    assert len(shapes) == MOST_SHAPES


@pytest.mark.parametrize("name", ["id", "time", "resources", "detail", "detail-type", "region"])
def test_of_two_fields_of_one_name_the_exact_decoder_chooses(name: str) -> None:
    value = json.dumps({"detail": {"apiVersion": "9"}, "resources": [resource("other")]}.get(name, "other"))
    line = json.dumps(plain(1))[:-1] + f', "{name}": {value}}}'
    check((line.encode() + b"\n") * COUNT)


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, COUNT - 1),
        st.integers(0, 1000),
        st.one_of(st.sampled_from(list(b'"\\/:,{}[]0 9\n\xff')), st.integers(0, 255)),
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KINDS)), MUTATIONS)
@example("plain", [(0, 30, ord('"'))])
def test_any_changed_bytes_get_the_exact_verdict(kind: str, mutations: list[tuple[int, int, int]]) -> None:
    lines = [bytearray(line) for line in lines_of(kind)]
    for place, at, code in mutations:
        lines[place][at % len(lines[place])] = code
    found = check(b"\n".join(lines) + b"\n")
    assert len(found.places) + len(found.ignored) >= COUNT - 2 * len(mutations)


def test_the_places_are_those_of_the_lines() -> None:
    lines = lines_of("plain")
    text = b"\n".join([b"{}", *lines]) + b"\n"
    begins, ends = line_bounds(text, len(text))
    found = read_alike(memoryview(text), begins, ends, Shapes(), latest_us=LATEST)
    assert np.array_equal(np.sort(found.places), np.arange(1, COUNT + 1))
