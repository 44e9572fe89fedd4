"""Hundreds of malformed and odd records from a small grammar: what a strict parser takes for an event is stored."""

import json
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from support.events import PRIVACY, envelope, resource
from support.staging import stage

CASES = 1200
PER_OBJECT = 40
VALUES = [
    "0", "-0", "1", "01", "1.", ".5", "+1", "-", "1e5", "1E+05", "1e", "0x10", "1_000", "12345678901234567890123", "9" * 400,
    "1.5e-300", "1e400", "true", "True", "false", "null", "None", "nul", "NaN", "nan", "Infinity", "-Infinity", "undefined",
    '""', "''", "'x'", '"x', 'x"', '"\\u00e9"', '"\\u12"', '"\\x41"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"',
    '"a\tb"', '"a\\tb"', '"\x00"', '"\\u0000"', '"\x7f"', '"}{"', '"}\\n{"', '"\\\\"', '"\\"', '"\\/"', '"é😀"',
    "[]", "[", "]", "[,]", "[1,]", "[1 2]", "[[[]]]", "{}", "{", "}", "{,}", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}",
    '{"a" 1}', '{"a":1 "b":2}', '{"a":1,"a":2}', "// x", "/* x */ 1", "# x", "1 // x", "\ufeff1", "\u00a01", "",
]  # fmt: skip
TIMES = [
    "2026-05-01T12:00:00Z", "2026-05-01T12:00:00.5Z", "2026-05-01T12:00:00+02:00", "2026-05-01T12:00:00", "2026-05-01", "",
    "2026-13-01T12:00:00Z", "2026-02-29T12:00:00Z", "2024-02-29T12:00:00Z", "1999-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-05-01T24:00:00Z", "2026-05-01T12:00:60Z", "Fri May 1", "2026-05-01T12:00:00-00:00",
]  # fmt: skip
PATHS = [
    [resource("t-1")], [resource("t-1"), resource("t-2")], [resource("t-1", kind="RETRIEVAL")], [], ["x"], [""],
    ["businessProduct/b/order/o"],
    [resource("")], [resource("a/b")], [resource("t" * 250)], [resource("é")], [resource("a\nb")],
    ["personalDataDeletionTask/t/businessProduct/b"],
]  # fmt: skip
TYPES = [*sorted(PRIVACY), "ORDER_CREATED", "", "personal_data_deletion_task_failed", "PERSONAL_DATA_DELETION_TASK"]


class DoubtfulError(ValueError):
    """JSON by its grammar, but with no one meaning."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise DoubtfulError
    return dict(pairs)


def refuse(_: str) -> None:
    raise DoubtfulError


def strict(text: str) -> Any:
    """Parse as Python does, but without its extensions, texts with one meaning only."""
    value = json.loads(
        text, parse_constant=refuse, object_pairs_hook=once, parse_int=lambda _: 0, parse_float=lambda _: 0.0
    )
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return value


def is_event(value: Any) -> bool:
    """Tell whether a value is a privacy event by the description of events alone, beyond doubt."""
    if not isinstance(value, dict) or value.get("detail-type") not in sorted(PRIVACY):
        return False
    if not all(isinstance(value.get(name), str) for name in ("id", "source", "account", "time", "region")):
        return False
    paths, detail = value.get("resources"), value.get("detail")
    if not 0 < len(value["id"]) <= 200 or not isinstance(detail, dict) or not isinstance(paths, list) or not paths:
        return False
    if "replay-name" in value and not isinstance(value["replay-name"], str):
        return False
    if not all(isinstance(detail.get(name, ""), str) for name in ("idempotencyKey", "apiVersion", "subscriptionId")):
        return False
    plain = r"businessProduct/[!-.0-~]{1,200}/personalData(Deletion|Retrieval)Task/[!-.0-~]{1,200}"
    if not all(isinstance(path, str) and re.fullmatch(plain, path) for path in paths):
        return False
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value["time"]):
        return False
    try:
        return 2020 <= datetime.fromisoformat(value["time"]).year <= 2026
    except ValueError:
        return False


def escaped(dice: random.Random, text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" if one.isalnum() and dice.random() < 0.3 else one for one in text)


def base(dice: random.Random, name: str) -> dict[str, str]:
    """Give an event's members as texts: mostly as documented, one or two otherwise."""
    event = envelope("t-1", id=name, time=dice.choice(TIMES[:3]), resources=dice.choice(PATHS[:3]))
    event["detail-type"] = dice.choice(TYPES[:4])
    if dice.random() < 0.1:
        event["time"] = dice.choice(TIMES)
    if dice.random() < 0.1:
        event["resources"] = dice.choice(PATHS)
    if dice.random() < 0.1:
        event["detail-type"] = dice.choice(TYPES)
    return {json.dumps(name): json.dumps(value, ensure_ascii=dice.random() < 0.5) for name, value in event.items()}


def member(dice: random.Random, parts: list[str]) -> None:
    parts.insert(dice.randrange(len(parts) + 1), f'"x": {dice.choice(VALUES)}')


def value(dice: random.Random, parts: list[str]) -> None:
    place = dice.randrange(len(parts))
    parts[place] = parts[place].partition(": ")[0] + ": " + dice.choice(VALUES)


def again(dice: random.Random, parts: list[str]) -> None:
    parts.append(dice.choice(parts))


def gone(dice: random.Random, parts: list[str]) -> None:
    del parts[dice.randrange(len(parts))]


def spelled(dice: random.Random, parts: list[str]) -> None:
    place = dice.randrange(len(parts))
    parts[place] = escaped(dice, parts[place])


def shuffled(dice: random.Random, parts: list[str]) -> None:
    dice.shuffle(parts)


def odd_bytes(dice: random.Random, text: str) -> str:
    place = dice.randrange(len(text))
    kept = place + dice.choice([0, 0, 1, 1, 5])
    return (
        text[:place]
        + dice.choice(["", ",", '"', "{", "}", "[", "]", ":", "\\", "\x00", "\x1f", " ", "0", "😀"])
        + text[kept:]
    )


CHANGES: list[Callable[[random.Random, list[str]], None]] = [
    member,
    member,
    member,
    value,
    again,
    gone,
    spelled,
    shuffled,
]


def case(dice: random.Random, name: str) -> str:
    parts = [f"{key}: {said}" for key, said in base(dice, name).items()]
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        dice.choice(CHANGES)(dice, parts)
    space = dice.choice(["", " ", "\t", " \r"])
    text = (
        "{"
        + space
        + (space + "," + space).join(parts)
        + space
        + dice.choice(["}", "}", "}", "}", "}", ",}", "", "}}", "]"])
    )
    if dice.random() < 0.15:
        text = odd_bytes(dice, text)
    if dice.random() < 0.05:
        text = dice.choice([f"[{text}]", text + text, f'"{text}"', f"({text})", f"{text};", f"x{text}", f"{text} null"])
    return text.replace("\n", " ")


def accepted(text: str) -> bool:
    try:
        return is_event(strict(text))
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("seed", range(CASES // PER_OBJECT))
@pytest.mark.parametrize("apart", ["between good lines", "one after the other"])
def test_what_a_strict_parser_takes_for_an_event_is_stored(seed: int, apart: str) -> None:
    dice = random.Random(seed)
    cases = {f"c-{seed}-{number}": case(dice, f"c-{seed}-{number}") for number in range(PER_OBJECT)}
    lines: list[str] = []
    for place, text in enumerate(cases.values()):
        lines += [text, json.dumps(envelope("t-0", id=f"good-{place}"))] if apart == "between good lines" else [text]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    found, refused, counts = stage(data, [dice.choice([200, 10_000, 1_000_000])])
    names = {name for _, name in found}
    missing = {name for name, text in cases.items() if accepted(text)} - names
    assert not {name: cases[name] for name in missing}
    if apart == "between good lines":
        assert {f"good-{place}" for place in range(PER_OBJECT)} <= names
        read = len({offset for offset, _ in found}) + counts.ignored.total() + len(refused)
        assert read >= 2 * PER_OBJECT - sum(not text.strip() for text in cases.values())
        assert read <= 2 * PER_OBJECT * 1.25


def test_the_grammar_makes_good_and_bad_records() -> None:
    dice = random.Random(0)
    verdicts = [accepted(case(dice, "x")) for _ in range(1000)]
    assert 200 < sum(verdicts) < 750
