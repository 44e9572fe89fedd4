"""How a line of JSON is written: which of its bytes all lines like it have, and where its own texts are.

One line is decoded exactly. Another line of its length is the same JSON with other texts if it has the same bytes outside
those texts, and inside them bytes that end no text and escape nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bwp_client.decoding.wrappers import read_record
from bwp_client.events import EVENT_TYPES, MAX_ID_LENGTH, Envelope, Refused

MOST_SHAPES = 8
"""Shapes that are remembered, and tried, for the lines of one length."""
MOST_KNOWN = 512
"""Shapes that are remembered for all lengths together."""
FEWEST = 8
"""Fewer lines of one length are not worth a look."""
BYTES_COMPARED = 128 * 1024
"""What is compared at a time stays in the processor's first caches."""
SHARED = {
    ("detail-type",): "event_type", ("source",): "event_source", ("account",): "account", ("region",): "region",
    ("replay-name",): "replay_name", ("detail", "apiVersion"): "api_version",
}  # fmt: skip
"""Texts that have to be the same in all lines, by the keys that lead to them."""
_OWN = {
    ("id",): "envelope_id", ("time",): "time", ("resources", ""): "path", ("detail", "idempotencyKey"): "idempotency_key",
    ("detail", "subscriptionId"): "subscription_id",
}  # fmt: skip
"""Texts that we read and that may differ; what a list holds has an empty key. So may all that we don't read."""
DIGITS = np.flatnonzero([char == "0" for char in "0000-00-00T00:00:00Z"])
"""Where a plain time has its digits."""
_TOKEN = re.compile(rb'"([^"]*)"(\s*:)?|[{}\[\]]')
_PATH = re.compile(rb"businessProduct/([!-.0-~]+)/personalData(?:Deletion|Retrieval)Task/([!-.0-~]+)")
_PATH_IDS = ("business_product_id", "task_id")
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SPACE, _SLASH, _QUOTE, _DELETE = b' /"\x7f'

Codes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How a line is written."""

    event: Envelope
    line: Codes
    is_fixed: Flags
    """Of each byte, whether all lines must have it."""
    spans: dict[str, tuple[int, int]]
    """Where the texts are that we read and that may differ."""
    quotes: int
    is_charted: bool
    """Whether it is an event of a type that we chart."""

    def part(self, lines: Codes, name: str) -> Codes:
        """Give the text of that name of each line; empty where there is none."""
        begin, end = self.spans.get(name, (0, 0))
        return lines[:, begin:end]


class Shapes:
    """The shapes that were met, by length of the line."""

    def __init__(self) -> None:
        self._known: dict[int, list[Shape]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def sort_out(self, lines: Codes) -> Iterator[tuple[Shape, Flags]]:
        """Give, of lines of one length, shapes and which lines have each; what has none of them is left."""
        known = self._known.get(lines.shape[1], [])
        left = np.ones(len(lines), dtype=bool)
        tries = MOST_SHAPES
        for shape in [*known]:
            chosen = _chosen(lines, left, shape)
            if not chosen.any():
                continue
            # What was met last is looked for first, and forgotten last.
            known.remove(shape)
            known.insert(0, shape)
            tries -= 1
            left &= ~chosen
            yield shape, chosen
            if not left.any():
                return
        while tries and np.count_nonzero(left) >= FEWEST:
            tries -= 1
            first = int(left.argmax())
            made = _shape_of(lines[first].copy())
            if made is None:
                left[first] = False
                continue
            self._remember(made)
            chosen = _chosen(lines, left, made)
            left &= ~chosen
            yield made, chosen

    def _remember(self, shape: Shape) -> None:
        if self._count >= MOST_KNOWN:
            self._known.clear()
            self._count = 0
        known = self._known.setdefault(len(shape.line), [])
        known.insert(0, shape)
        self._count += 1
        if len(known) > MOST_SHAPES:
            known.pop()
            self._count -= 1


def _chosen(lines: Codes, left: Flags, shape: Shape) -> Flags:
    """Tell which of the lines that are left have a shape, the range of their times apart."""
    some = lines if left.all() else lines[left]
    step = BYTES_COMPARED // len(shape.line)
    same = [_same(some[at : at + step], shape) for at in range(0, len(some), step)]
    chosen = np.zeros(len(lines), dtype=bool)
    chosen[left] = np.concatenate(same)
    return chosen


def _same(lines: Codes, shape: Shape) -> Flags:
    differs = lines != shape.line
    differs &= shape.is_fixed
    same: Flags = ~differs.any(axis=1)
    if not same.any():
        return same
    quotes = lines == _QUOTE
    # Those that are the same have the wanted ones at least, so where all are, one sum tells.
    if not same.all() or np.count_nonzero(quotes) != shape.quotes * len(lines):
        same &= np.count_nonzero(quotes, axis=1) == shape.quotes
    for name in _PATH_IDS if shape.is_charted else ():
        part = shape.part(lines, name)
        odd = (part == _SLASH) | (part == _SPACE) | (part == _DELETE)
        if odd.any():
            same &= ~odd.any(axis=1)
    return same


def _shape_of(codes: Codes) -> Shape | None:
    """Give how a line is written; none when it is no event, or one that is for the exact decoder alone."""
    line = codes.tobytes()
    try:
        event = read_record(line)
    except Refused:
        return None
    if not isinstance(event, Envelope):
        return None
    is_fixed = np.ones(len(codes), dtype=bool)
    spans: dict[str, tuple[int, int]] = {}
    seen = Counter[str]()
    for keys, (begin, end) in _texts(line):
        seen[SHARED.get(keys, "")] += 1
        if keys in SHARED:
            continue
        is_fixed[begin:end] = False
        if keys in _OWN:
            seen[_OWN[keys]] += 1
            spans[_OWN[keys]] = begin, end
    is_charted = event.detail_type in EVENT_TYPES
    # Of two texts of one name, which counts is for the exact decoder to say.
    doubled = {name for name, count in seen.items() if count > 1 and name}
    if doubled - (set() if is_charted else {"path"}) or not {"envelope_id", "time"} <= spans.keys():
        return None  # what a webhook sends has other names
    if any(line[slice(*spans.get(name, (0, 0)))] != text for name, text in _read(event, is_charted=is_charted)):
        return None  # of two objects of one name the exact decoder reads one
    if not _fix_time(line, spans["time"], is_fixed):
        return None
    if is_charted and not _fix_path(line, spans, is_fixed):
        return None
    return Shape(event, codes, is_fixed, spans, line.count(b'"'), is_charted)


def _read(event: Envelope, *, is_charted: bool) -> Iterator[tuple[str, bytes]]:
    """Give the texts that may differ as the exact decoder read them."""
    yield "envelope_id", event.id.encode()
    yield "time", event.time.isoformat().replace("+00:00", "Z").encode()
    yield "idempotency_key", (event.detail.idempotency_key or "").encode()
    yield "subscription_id", (event.detail.subscription_id or "").encode()
    if is_charted:
        yield "path", "".join(event.resources).encode()


def _texts(line: bytes) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Give each text of a JSON object that holds no escape: the keys that lead to it, and where it is."""
    above: list[str] = []
    key = ""
    for token in _TOKEN.finditer(line):
        if token[0] in (b"{", b"["):
            above.append(key)
            key = ""
        elif token[0] in (b"}", b"]"):
            key = above.pop()
        elif token[2] is not None:
            key = token[1].decode()
        else:
            yield (*above[1:], key), token.span(1)


def _fix_time(line: bytes, span: tuple[int, int], is_fixed: Flags) -> bool:
    """Have all but the digits of a plain time fixed; tell whether it is one."""
    begin, end = span
    if not _TIME.fullmatch(line[begin:end]):
        return False
    is_fixed[begin:end] = True
    is_fixed[begin + DIGITS] = False
    return True


def _fix_path(line: bytes, spans: dict[str, tuple[int, int]], is_fixed: Flags) -> bool:
    """Have all but the two IDs of a task's path fixed; tell whether these and the event's own are sane."""
    begin, end = spans.get("path", (0, 0))
    path = _PATH.fullmatch(line[begin:end])
    if path is None:
        return False
    is_fixed[begin:end] = True
    for place, name in enumerate(_PATH_IDS, 1):
        spans[name] = begin + path.start(place), begin + path.end(place)
        is_fixed[slice(*spans[name])] = False
    ids = ("envelope_id", "idempotency_key", *_PATH_IDS)
    return all(0 < spans[name][1] - spans[name][0] <= MAX_ID_LENGTH for name in ids if name in spans)
