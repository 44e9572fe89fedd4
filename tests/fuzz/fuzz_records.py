"""Coverage-guided fuzzing of how objects are read: `python tests/fuzz/fuzz_records.py -max_total_time=600 CORPUS`.

Needs atheris, which `make soak` installs beside the other tests' requirements. Whatever the bytes, nothing but a verdict may
come out, the counts add up, and a good event on a line of its own behind them is found. Records that are read in bulk get the
exact decoder's verdict, whatever bytes of them are changed.
"""

import json
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(folder) for folder in Path(__file__).parents[1:3]]

# Comparing arrays under instrumentation keeps each of them for ever.
with atheris.instrument_imports(
    include=["bwp_client.events", "bwp_client.decoding", "bwp_client.load"],
    exclude=["bwp_client.decoding.columnar", "bwp_client.load.derived_columns"],
):
    import bwp_client.load.staging  # noqa: F401

from support.bulk import taken  # noqa: E402
from support.events import envelope  # noqa: E402
from support.packing import framed_snappy, hadoop_snappy, zipped  # noqa: E402
from support.staging import stage  # noqa: E402
from support.wire import lambda_kinesis, lambda_sqs, logs, sns, webhook  # noqa: E402

from bwp_client.decoding.compression import is_compressed  # noqa: E402

GOOD = json.dumps(envelope("t-good", id="good")).encode()
COUNT = 16
LINES = [
    json.dumps(envelope("t-1", **changes))
    for changes in (
        {},
        {"detail": {"idempotencyKey": "k"}},
        {"replay-name": "again"},
        {"detail-type": "ORDER_CREATED", "detail": "{}", "account": 1},
        {"account": 123456789012, "detail": '{"idempotencyKey": 1}', "source": None},
    )
]
SEEDS = [
    GOOD,
    GOOD + GOOD,
    b"[" + GOOD + b"," + GOOD + b"]",
    json.dumps(sns(GOOD.decode())).encode(),
    json.dumps(logs([GOOD.decode(), "x"])).encode(),
    json.dumps(lambda_sqs([json.dumps(sns(GOOD.decode()))])).encode(),
    json.dumps(webhook(envelope("t-good", id="good"))).encode(),
    b"2026-05-01T12:00:00Z INFO " + GOOD + b" done\n" + GOOD,
    json.dumps({"event": json.loads(GOOD)}).encode(),
    json.dumps(lambda_kinesis([GOOD])).encode(),
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    framed_snappy(GOOD),
    hadoop_snappy(GOOD),
    zipped([GOOD]),
]


def one(data: bytes) -> None:
    """Read bytes in two ways that differ only in where they are cut, and followed by a good event."""
    if len(data) < 2:
        return
    taken([data[1:].split(b"\n", 1)[0]] * COUNT)
    change_some(data)
    sizes = [1 + data[0] * 4]
    found, refused, counts = stage(data[1:], [1_000_000])
    again, refused_again, counts_again = stage(data[1:], sizes)
    assert (found, counts.ignored) == (again, counts_again.ignored), "where the bytes are cut changes what is found"
    assert bool(refused) == bool(refused_again)
    text = data[1:].lstrip(b"\xef\xbb\xbf \t\r\n")
    magics = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\x06\0\0sNaPpY", b"PK\x03\x04", b"PK\x05\x06", b"PAR1")
    # What begins with a zero byte may be Hadoop's snappy, which is known by its lengths alone.
    is_packed = data[1:].startswith((*magics, b"\0")) or data[2:5] == b"\x2a\x4d\x18" or is_compressed(data[1:])
    # Behind an open string or bracket, a good event may be part of something else.
    if not is_packed and text[:1] != b"[" and not {34, 91, 92, 123} & set(text):
        behind, _, _ = stage(data[1:] + b"\n" + GOOD, sizes)
        assert "good" in {name for _, name in behind}, "a good event was lost"


def change_some(data: bytes) -> None:
    """Change bytes of equal lines: three bytes say which line, where, and to what."""
    lines = [bytearray(LINES[data[0] % len(LINES)].encode()) for _ in range(COUNT)]
    for which, at, code in zip(data[1::3], data[2::3], data[3::3], strict=False):
        line = lines[which % 4]
        line[(which // 4 * 16 + at) % len(line)] = code
    taken(lines)


if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        for place, seed in enumerate(SEEDS):
            Path(folders[0]).mkdir(parents=True, exist_ok=True)
            (Path(folders[0]) / f"seed-{place}").write_bytes(b"\x10" + seed)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
