"""Numbers out of range are wrong usage, also those that pass every comparison."""

from pathlib import Path

import pytest
from support.reports import run

COMMANDS = [
    ("enrich", "--max-minutes", "nan"), ("enrich", "--max-minutes", "-1"), ("enrich", "--limit", "0"),
    ("check", "--min-rate", "nan"), ("check", "--stale-hours", "nan"), ("check", "--deadline-days", "99999999999"),
    ("sandbox", "--latency-ms", "nan"), ("sandbox", "--throttle-per-second", "nan"), ("sandbox", "--error-rate", "nan"),
    ("sandbox", "--token-seconds", "nan"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_number_out_of_range_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, *arguments, allowed=(2,))
    assert arguments[1] in done.stderr
