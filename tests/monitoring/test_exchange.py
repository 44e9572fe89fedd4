"""A notice ends by its deadline, whatever its host does, and a web page is no acceptance."""

import resource
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support import silent_hosts
from support.notices import hook
from support.reports import QUIET, make_warehouse, run, run_json, steady
from support.silent_hosts import host
from support.tables import clean_env

from bwp_client.monitoring import exchange
from bwp_client.monitoring.notify import Notice, parse_destinations

NOTICE = Notice("A title", ("A line.",))
MAIL = "mailto://user:secret@{}/?from=a@example.com&to=b@example.com"
Answer = Callable[[socket.socket], None]


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "DEADLINE_SECONDS", 1.0)


def send(address: str) -> str:
    (destination,) = parse_destinations(address)
    return destination.send(NOTICE)


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize(
    ("answer", "address"),
    [
        (silent_hosts.dripping_body, "json://{}/hook"),
        (silent_hosts.dripping_header, "json://{}/hook"),
        (silent_hosts.dripping_greeting, MAIL),
    ],
)
def test_a_host_that_drips_holds_no_notice_beyond_its_deadline(answer: Answer, address: str) -> None:
    with host(answer) as name:
        assert send(address.format(name)).endswith(" did not answer within 1 s")


def test_an_answer_without_end_is_cut_and_does_not_fill_the_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with host(silent_hosts.endless_body) as name:
        problem = send(f"json://{name}/hook")
    assert problem in {"JSON sent an answer of more than 256 KB", "JSON did not answer within 30 s"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KB


def test_a_host_that_drips_does_not_hold_the_end_of_the_process() -> None:
    """Waits for the process, not for a time: without a deadline it would never end."""
    code = """
        import sys
        from bwp_client.monitoring import exchange
        from bwp_client.monitoring.notify import Notice, parse_destinations
        exchange.DEADLINE_SECONDS = 1.0
        (destination,) = parse_destinations(sys.argv[1])
        print(destination.send(Notice("A title", ("A line.",))))
    """
    with host(silent_hosts.dripping_body) as name:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), f"json://{name}/hook"],
            env=clean_env(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "JSON did not answer within 1 s", "")


@pytest.mark.usefixtures("short_deadline")
def test_a_notice_to_a_host_that_drips_waits_in_the_outbox(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    with host(silent_hosts.dripping_body) as name:
        done = run(tmp_path, "check", "--stale-hours", "1", "--notify", f"json://{name}/hook", allowed=(1,))
    assert "the notice could not be delivered: JSON did not answer within 1 s" in done.stderr
    (notice,) = run_json(tmp_path, "report", "log", "--json")["notices"]
    assert (notice["state"], notice["problem"]) == ("outstanding", "JSON did not answer within 1 s")


@pytest.mark.parametrize("scheme", ["json", "xml"])
def test_a_web_page_is_no_acceptance(scheme: str) -> None:
    with host(silent_hosts.sign_in_page) as name:
        assert "answered with a web page" in send(f"{scheme}://{name}/hook")


def test_an_html_form_may_answer_with_a_web_page() -> None:
    with host(silent_hosts.sign_in_page) as name:
        assert send(f"form://{name}/hook") == ""


def test_a_line_break_in_a_name_begins_no_line() -> None:
    notice = Notice("A\ntitle", ("ORDERS\nNOT\u2028CLOSED (1 tasks)", "A line."))
    with hook() as found:
        for destination in parse_destinations(found.url):
            assert destination.send(notice) == ""
    assert found.accepted[0]["title"] == "A title"
    assert found.accepted[0]["message"] == "ORDERS NOT CLOSED (1 tasks)\nA line."


@pytest.mark.parametrize("command", ["check", "report"])
@pytest.mark.parametrize("address", ["nonsense://hunter2@host", "json://[::1", "pa55word-of-mail:x@hunter2"])
def test_a_wrong_address_does_not_hide_that_the_warehouse_can_not_be_read(
    tmp_path: Path, command: str, address: str
) -> None:
    make_warehouse(tmp_path, *steady())
    alone = run(tmp_path, command, "--notify", address, allowed=(2,), **QUIET)
    assert "none that Apprise knows" in alone.stderr
    (tmp_path / "warehouse" / "outcomes" / "_delta_log").rename(tmp_path / "gone")
    both = run(tmp_path, command, "--notify", address, allowed=(2, 3, 4), **QUIET)
    assert "none that Apprise knows" in both.stderr
    assert "outcomes" in both.stderr
    assert "A fault of ours" not in both.stderr
    assert not any(part in alone.stderr + both.stderr for part in ("hunter2", "pa55word", "[::1"))
    assert not (tmp_path / "reports").exists()
