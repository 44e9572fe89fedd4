"""`load archive://NAME` as scripts see it."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from support.archives import FIRST, others, privacy
from support.emulator import Account
from support.tables import clean_env, command, rows

from bwp_client.warehouse import TableName, Warehouse


def message_of(done: subprocess.CompletedProcess[str]) -> str:
    """Give the message of a command that failed, which must be its only output."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return str(json.loads(done.stderr.splitlines()[-1])["message"])


WRONG = [
    (("archive://a b",), "names no archive"),
    (("archive://",), "names no archive"),
    (("archive://{archive}", "--reread"), "leave --reread out"),
    (("archive://{archive}",), "give --from"),
    (("archive://{archive}", "--from", "2026-05-02", "--to", "2026-05-01"), "end is not after its start"),
    (("archive://{archive}", "--from", "2999-01-01"), "at least 10 minutes before now"),
    (("archive://{archive}x", "--from", "2026-05-01"), "the archive does not exist"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[words for _, words in WRONG])
def test_wrong_usage_is_exit_code_2_and_starts_nothing(
    account: Account, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    written = [argument.format(archive=account.archive) for argument in arguments]
    done = command("load", *written, "--json", cwd=tmp_path, **account.env)
    assert done.returncode == 2, done.stderr
    assert words in message_of(done)
    assert account.replays() == []
    assert not (tmp_path / "warehouse").exists()


def test_an_unreachable_aws_is_exit_code_3(account: Account, tmp_path: Path) -> None:
    env = account.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    done = command("load", f"archive://{account.archive}", "--from", "2026-05-01", "--json", cwd=tmp_path, **env)
    assert done.returncode == 3, done.stderr
    assert "could not be reached" in message_of(done)


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_the_command_at_its_own_pace(account: Account, tmp_path: Path) -> None:
    account.put(privacy(1000) + others(1000))
    live = account.another_queue("live", {"source": [{"prefix": "aws.partner/"}]})
    done = subprocess.run(
        [
            sys.executable, "-m", "bwp_client", "load", f"archive://{account.archive}", "--from", FIRST.isoformat(),
            "--to", (FIRST + timedelta(hours=4)).isoformat(), "--json",
        ],
        cwd=tmp_path, env=clean_env(**account.env), capture_output=True, text=True, timeout=380, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert (output["stored"], output["foreign"], output["quarantined"]) == (480, 0, 0)
    assert output["received"] == output["read"] + output["outside_window"]
    progress = [json.loads(line) for line in done.stderr.splitlines()]
    assert (progress[-1]["done"], progress[-1]["total"]) == (240, 240)
    assert len(rows(Warehouse(str(tmp_path / "warehouse")), TableName.EVENTS, "task_id")) == 480
    assert (account.waiting(), account.waiting(live)) == ((0, 0), (0, 0))
    print(output, progress[-1])
