"""A notice that a destination did not accept is sent by the next run of the command, once to each destination."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import write
from support.notices import Receiver, hook
from support.reports import MONDAY, QUIET, WEEK, day_after, make_warehouse, run, run_json, steady, week_of_events
from support.tables import clean_env
from typer.testing import Result

from bwp_client.monitoring.notify import Notice, parse_destinations
from bwp_client.reports.notice_log import NoticeLog, NoticeState, StoredNotice
from bwp_client.reports.outbox import Outbox
from bwp_client.reports.store import ReportStore, open_store

PUBLISHED = f"Report deletion {WEEK}: published"
ANY = (0, 1, 2, 3, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_warehouse(tmp_path, *steady())
    return tmp_path


@pytest.fixture
def without_failures(tmp_path: Path) -> Path:
    """Return a folder whose warehouse fires no alert rule but `stale`."""
    make_warehouse(tmp_path, week_of_events(MONDAY, failed=0, completed=20, prefix="t"), {})
    return tmp_path


def report(folder: Path, *options: str, period: str = WEEK, **env: str) -> Result:
    return run(folder, "report", "--period", period, "--out", "out", *options, allowed=ANY, **env)


def check(folder: Path, *options: str, **env: str) -> Result:
    return run(folder, "check", *options, allowed=ANY, **env)


def log(folder: Path, out: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = run_json(folder, "report", "log", "--out", out, "--json")
    return found


def states(folder: Path, out: str = "out") -> list[str]:
    return [notice["state"] for notice in log(folder, out)["notices"]]


# The command line.


@pytest.mark.parametrize("status", [302, 413, 500])
def test_the_next_run_delivers_the_notice_of_a_published_report_and_a_third_none(folder: Path, status: int) -> None:
    with hook(status) as found:
        first = report(folder, "--notify", found.url, "--json")
        outstanding = run(folder, "report", "log", "--out", "out").stdout
        found.status = 200
        second, third = (report(folder, "--notify", found.url) for _ in range(2))
    assert [done.exit_code for done in (first, second, third)] == [1, 0, 0], second.stderr
    assert json.loads(first.stdout)["notice"] == "not delivered"
    assert f"HTTP {status}" in first.stderr
    assert "notice outstanding" in outstanding
    assert "Tries: 1. The last: JSON " in outstanding
    assert found.titles == [PUBLISHED]
    assert found.accepted[0]["message"].splitlines()[-2].startswith("This notice is of ")
    assert found.accepted[0]["message"].splitlines()[-1] == json.loads(first.stdout)["link"]
    assert "was delivered now" in second.stderr
    assert states(folder) == ["delivered"]


def test_until_it_is_delivered_each_run_ends_with_1_and_says_so(folder: Path) -> None:
    with hook(500) as found:
        assert report(folder, "--notify", found.url).exit_code == 1
        again = report(folder, "--notify", found.url, "--json")
        nothing_due = report(folder, "--catch-up", "0", "--notify", found.url)
    assert (again.exit_code, nothing_due.exit_code) == (1, 1)
    assert (json.loads(again.stdout)["state"], json.loads(again.stdout)["notice"]) == (
        "already published", "not delivered",
    )  # fmt: skip
    assert all(json.loads(line)["message"] for line in again.stderr.splitlines())
    (notice,) = log(folder)["notices"]
    assert (notice["state"], notice["tries"], notice["problem"]) == ("outstanding", 3, "JSON answered HTTP 500")


def test_a_run_with_nothing_due_delivers_what_is_outstanding(folder: Path) -> None:
    run(folder, "load", write(folder / "later" / "0.json", [day_after()]))
    options = ("--catch-up", "1")
    with hook(500) as found:
        assert report(folder, *options, "--notify", found.url).exit_code == 1
        still = report(folder, *options, "--notify", found.url, "--json")
        found.status = 200
        done = report(folder, *options, "--notify", found.url, "--json")
    assert (still.exit_code, json.loads(still.stdout)) == (1, {"state": "nothing due", "notice": "not delivered"})
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"state": "nothing due"})
    assert sorted(found.titles) == ["Report deletion 2026-W09: published", PUBLISHED]


def test_only_the_destination_that_failed_gets_the_notice_again(folder: Path) -> None:
    with hook() as good, hook(500) as bad:
        addresses = f"{good.url},{bad.url}"
        first = report(folder, "--notify", addresses)
        bad.status = 200
        second = report(folder, "--notify", addresses)
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert "destination 2 of 2 (JSON) answered HTTP 500" in first.stderr
    assert (good.titles, bad.titles) == ([PUBLISHED], [PUBLISHED])
    assert (len(good.notices), len(bad.notices)) == (1, 2)


def test_a_refusal_and_a_failure_that_nobody_heard_of_are_sent_by_the_next_run(folder: Path) -> None:
    with hook(500) as found:
        refused = report(folder, "--notify", found.url, BWP_REPORT__MAX_STALE_HOURS="1")
        failed = report(folder, "--warehouse", "nowhere", "--notify", found.url, period="2026-W08")
        found.status = 200
        made = report(folder, "--notify", found.url, period="2026-W07")
    assert [done.exit_code for done in (refused, failed, made)] == [1, 2, 0]
    assert found.titles == [
        f"Report deletion {WEEK}: not published",
        "Report deletion 2026-W08: could not be made",
        "Report deletion 2026-W07: published",
    ]


def test_a_later_notice_takes_the_place_of_an_older_one_about_the_same(folder: Path) -> None:
    with hook(500) as found:
        report(folder, "--notify", found.url, BWP_REPORT__MAX_STALE_HOURS="1")
        found.status = 200
        report(folder, "--notify", found.url)
    assert found.titles == [PUBLISHED]
    assert states(folder) == ["delivered", "replaced by a later notice"]


def test_an_error_before_the_report_is_made_is_sent_too(folder: Path) -> None:
    (folder / "warehouse" / "outcomes" / "_delta_log").rename(folder / "gone")
    with hook() as found:
        done = report(folder, "--catch-up", "2", "--notify", found.url)
    assert done.exit_code != 0
    assert found.titles == [f"Report deletion {WEEK}: could not be made"]


def test_a_wrong_address_is_found_before_the_report_is_made(folder: Path) -> None:
    done = report(folder, "--notify", "nonsense://hunter2@host")
    assert done.exit_code == 2
    assert "hunter2" not in done.stderr
    assert not (folder / "out").exists()


def test_the_log_holds_no_part_of_an_address(folder: Path) -> None:
    with hook() as good, hook(500) as bad:
        report(folder, "--notify", f"json://user:hunter2@{good.host}/hunter3 json://user:hunter2@{bad.host}/hunter3")
    text = "".join(path.read_text() for path in (folder / "out").glob("[ln]o*/*"))
    assert '"problem": "destination 2 of 2 (JSON) answered HTTP 500"' in text
    assert not any(part in text for part in ("hunter2", "hunter3", good.host, bad.host, "user:"))


def test_check_sends_its_notice_with_the_next_run_too(without_failures: Path) -> None:
    fires, calm = ("--stale-hours", "1"), ("--stale-hours", "1000000", "--deadline-days", "0")
    with hook(500) as found:
        first = check(without_failures, *fires, "--notify", found.url)
        still = check(without_failures, *calm, "--notify", found.url, "--json")
        found.status = 200
        late = check(without_failures, *calm, "--notify", found.url)
        after = check(without_failures, *calm, "--notify", found.url)
    assert [done.exit_code for done in (first, still, late, after)] == [1, 1, 0, 0], late.stderr
    assert "could not be delivered" in first.stderr
    assert json.loads(still.stdout)["fired"] == {}
    assert all(json.loads(line)["message"] for line in still.stderr.splitlines())
    assert found.titles == ["Check of deletion tasks: 1 of 4 rules fired"]
    assert "This notice is of" in found.accepted[0]["message"]
    assert states(without_failures, "reports") == ["delivered"]


def test_check_sends_one_notice_when_the_same_rule_fires_again(folder: Path) -> None:
    with hook(500) as found:
        for status in (500, 500, 200):
            found.status = status
            check(folder, "--stale-hours", "1", "--notify", found.url)
    assert len(found.titles) == 1
    assert "This notice is of" not in found.accepted[0]["message"]


def test_two_checks_at_once_send_one_notice_and_the_next_check_sends_another(folder: Path) -> None:
    with hook() as found:
        options = ("check", "--stale-hours", "1", "--notify", found.url)
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "bwp_client", *options], cwd=folder, stderr=subprocess.PIPE, env=clean_env(**QUIET),
            )
            for _ in range(2)
        ]  # fmt: skip
        ended = [(child.communicate(timeout=280)[1], child.returncode) for child in running]
        assert [(b"could not be" in text, code) for text, code in ended] == [(False, 1)] * 2
        assert len(found.titles) == 1
        check(folder, *options[1:])
    assert len(found.titles) == 2
    assert states(folder, "reports") == ["delivered"] * 2


def test_report_does_not_send_the_notices_of_check(folder: Path) -> None:
    with hook(500) as found:
        check(folder, "--stale-hours", "1", "--notify", found.url, BWP_REPORT__OUT="out")
        found.status = 200
        report(folder, "--notify", found.url)
    assert found.titles == [PUBLISHED]


def test_of_two_refusals_of_a_day_for_the_same_reason_one_is_sent(folder: Path) -> None:
    with hook() as found:
        stale = {"BWP_REPORT__MAX_STALE_HOURS": "1"}
        for env in (stale, stale, {}):
            report(folder, "--notify", found.url, **env)
        report(folder, "--warehouse", "nowhere", "--notify", found.url)
        report(folder, "--warehouse", "nowhere", "--notify", found.url)
    refused, failed = f"Report deletion {WEEK}: not published", f"Report deletion {WEEK}: could not be made"
    assert found.titles == [refused, PUBLISHED, failed]


def test_a_refusal_that_nobody_heard_of_is_sent_once_by_the_next_refusal(folder: Path) -> None:
    with hook(500) as found:
        for status in (500, 200, 200):
            found.status = status
            report(folder, "--notify", found.url, BWP_REPORT__MAX_STALE_HOURS="1")
    assert found.titles == [f"Report deletion {WEEK}: not published"]
    assert states(folder) == ["delivered"]


def test_two_machines_that_refuse_at_once_send_one_refusal(folder: Path) -> None:
    with hook() as found:
        options = ("report", "--period", WEEK, "--out", "out", "--notify", found.url)
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "bwp_client", *options], cwd=folder, stderr=subprocess.DEVNULL,
                env=clean_env(**QUIET | {"BWP_REPORT__MAX_STALE_HOURS": "1"}),
            )
            for _ in range(2)
        ]  # fmt: skip
        assert [child.wait(timeout=280) for child in running] == [1, 1]
    assert found.titles == [f"Report deletion {WEEK}: not published"]


@pytest.mark.s3
def test_on_s3_too_the_same_refusal_is_sent_once(folder: Path, bucket: Any) -> None:
    with hook() as found:
        for _ in range(2):
            options = ("report", "--period", WEEK, "--out", f"{bucket.uri}/reports", "--notify", found.url)
            run(folder, *options, allowed=(1,), BWP_REPORT__MAX_STALE_HOURS="1", **bucket.env)
    assert found.titles == [f"Report deletion {WEEK}: not published"]


# Kills its own process, as the kernel would, right after the publication.
KILLED = """
import os, signal, sys
from bwp_client.reports import store_local
original = store_local.LocalStore.publish
def publish(*args):
    original(*args)
    os.kill(os.getpid(), signal.SIGKILL)
store_local.LocalStore.publish = publish
from bwp_client.__main__ import main
main()
"""


def test_a_report_whose_process_was_killed_before_the_notice_is_notified_by_the_next_run(folder: Path) -> None:
    with hook() as found:
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, "report", "--period", WEEK, "--out", "out", "--notify", found.url],
            cwd=folder, env=clean_env(**QUIET), capture_output=True, timeout=280, check=False,
        )  # fmt: skip
        assert killed.returncode == -9
        assert found.titles == []
        again = report(folder, "--notify", found.url)
    assert again.exit_code == 0
    assert found.titles == [PUBLISHED]


@pytest.mark.s3
def test_a_notice_waits_on_s3_as_well(folder: Path, bucket: Any) -> None:
    out = f"{bucket.uri}/reports"
    with hook() as good, hook(500) as bad:
        for status in (500, 200, 200):
            bad.status = status
            options = ("report", "--period", WEEK, "--out", out, "--notify", f"{good.url} {bad.url}")
            run(folder, *options, allowed=ANY, **bucket.env)
    assert (good.titles, bad.titles) == ([PUBLISHED], [PUBLISHED])
    shown = run(folder, "report", "log", "--out", out, **bucket.env).stdout
    assert "notice delivered" in shown


# The outbox.


@pytest.fixture
def store(tmp_path: Path) -> ReportStore:
    return open_store(str(tmp_path / "out"))


def outbox(store: ReportStore, found: Receiver) -> Outbox:
    return Outbox(store, parse_destinations(found.url), "report")


def waiting(store: ReportStore, title: str = "Waiting", **changes: Any) -> StoredNotice:
    stored = StoredNotice(Notice(title, ("A line.",)), "report", **changes)
    NoticeLog(store).add(stored)
    return stored


def test_a_notice_is_given_up_after_a_week_with_a_sentence(store: ReportStore) -> None:
    waiting(store, created_at=datetime.now(UTC) - timedelta(days=8))
    with hook(500) as found:
        box = outbox(store, found)
        box.send_earlier()
        later = outbox(store, found)
        later.send_earlier()
    assert "is given up" in box.messages[0]
    assert (box.needs_attention, later.needs_attention) == (True, False)
    assert [item.state for item in NoticeLog(store).notices()] == [NoticeState.GIVEN_UP]
    assert len(found.notices) == 1


def test_a_notice_of_last_week_is_still_delivered(store: ReportStore) -> None:
    waiting(store, created_at=datetime.now(UTC) - timedelta(days=30))
    with hook() as found:
        outbox(store, found).send_earlier()
    assert found.titles == ["Waiting"]


def test_of_two_runs_at_once_one_sends_a_notice(store: ReportStore) -> None:
    waiting(store)
    with hook() as found:
        first, second = (outbox(store, found) for _ in range(2))
        second._outstanding()  # both runs have read the log before one of them sends
        first.send_earlier()
        second.send_earlier()
    assert found.titles == ["Waiting"]
    assert not second.needs_attention


@pytest.mark.parametrize(("minutes", "titles"), [(1, []), (16, ["Waiting"])])
def test_a_try_on_another_machine_is_waited_for_until_it_must_be_dead(
    store: ReportStore, minutes: int, titles: list[str]
) -> None:
    stored = waiting(store)
    elsewhere = {"machine": "elsewhere", "process": 1}
    begun = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    value = {"started_at": begun, "owner": elsewhere, "ended_at": None, "marks": [], "problem": ""}
    store.write_log(f"{stored.stem}.try-1.json", json.dumps(value).encode(), "notices")
    with hook() as found:
        outbox(store, found).send_earlier()
    assert found.titles == titles


def test_an_announced_report_that_was_not_published_is_not_announced(store: ReportStore) -> None:
    waiting(store, key="nothing_there", announces=True)
    with hook() as found:
        outbox(store, found).send_earlier()
    assert found.notices == []
    assert [item.state for item in NoticeLog(store).notices()] == [NoticeState.NOT_NEEDED]


def test_a_destination_that_fails_is_tried_once_in_a_run(store: ReportStore) -> None:
    for title, minutes in (("One", 2), ("Two", 1)):
        waiting(store, title, created_at=datetime.now(UTC) - timedelta(minutes=minutes))
    with hook(500) as found:
        box = outbox(store, found)
        box.send(Notice("Three", ("A line.",)))
    assert len(found.notices) == 1
    assert len(box.messages) == 3
    with hook() as found:
        outbox(store, found).send_earlier()
    assert found.titles == ["One", "Two", "Three"]


def test_a_damaged_file_is_named_and_the_other_notices_are_sent(store: ReportStore, tmp_path: Path) -> None:
    stored = waiting(store)
    waiting(store, "Whole")
    (tmp_path / "out" / "notices" / f"{stored.stem}.json").write_text("[1]")
    with hook() as found:
        box = outbox(store, found)
        box.send_earlier()
    assert found.titles == ["Whole"]
    assert stored.stem in box.messages[0]
    assert box.needs_attention


def test_a_log_that_can_not_be_written_does_not_hide_the_result(store: ReportStore, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notices").write_text("a file, not a folder")
    with hook(500) as found:
        box = outbox(store, found)
        box.send(Notice("One", ("A line.",)))
    assert "could not be delivered: JSON answered HTTP 500" in box.messages[0]
    assert "can't be stored" in box.messages[1]


def test_two_processes_that_send_the_same_notice_at_once_send_it_once(store: ReportStore) -> None:
    with hook() as found:
        first, second = (outbox(store, found) for _ in range(2))
        second._outstanding()  # both runs have read the log before one of them sends
        for box in (first, second):
            box.send(Notice("Refused", ("A line.",), once="the same"))
            box.send_earlier()
        second.send(Notice("Refused", ("A line.",), once="another"))
    assert found.titles == ["Refused", "Refused"]
    assert not second.needs_attention


FIRED = Notice("Fired", ("A line.",), topics=("check stale",))


def begun(store: ReportStore, *found: Receiver) -> Outbox:
    box = Outbox(store, parse_destinations(" ".join(receiver.url for receiver in found)), "check")
    box.begin()
    return box


def test_runs_that_overlap_send_a_notice_once_and_each_later_run_again(store: ReportStore) -> None:
    with hook() as found:
        first, second, third = (begun(store, found) for _ in range(3))
        third._outstanding()
        for box in (first, second, third):
            box.send(FIRED)
        assert found.titles == ["Fired"]
        second.send(replace(FIRED, topics=("check deadline",)))
        for _ in range(2):
            begun(store, found).send(FIRED)
    assert found.titles == ["Fired"] * 4


def test_runs_that_overlap_and_have_other_destinations_send_a_notice_each(store: ReportStore) -> None:
    with hook() as first, hook() as second:
        boxes = begun(store, first), begun(store, second)
        for box in boxes:
            box.send(FIRED)
    assert first.titles == second.titles == ["Fired"]


@pytest.mark.parametrize("is_in_time", [True, False])
def test_a_run_that_is_killed_before_it_sends_loses_no_notice(store: ReportStore, is_in_time: bool) -> None:
    """The other run of the same time, or the next run, sends it."""
    with hook() as found:
        killed, other = begun(store, found), begun(store, found)
        killed._try = lambda *_args, **_options: None  # type: ignore[method-assign]
        killed.send(FIRED)
        assert found.titles == []
        if is_in_time:
            other.send(FIRED)
        begun(store, found).send_earlier()
        other.send_earlier()
    assert found.titles == ["Fired"]


def test_a_notice_that_was_delivered_is_not_sent_again_before_its_end_is_stored(store: ReportStore) -> None:
    stored = waiting(store)
    notices = NoticeLog(store)
    number = notices.claim(stored)
    assert number == 1
    notices.end_try(stored, number, [], "")
    with hook() as found:
        outbox(store, found).send_earlier()
    assert found.titles == []
    assert [item.state for item in notices.notices()] == [NoticeState.DELIVERED]


def test_a_log_that_can_not_be_read_is_said_and_is_no_failure_of_check(without_failures: Path) -> None:
    with hook() as found:
        done = check(
            without_failures, "--stale-hours", "1000000", "--deadline-days", "0", "--notify", found.url,
            BWP_REPORT__OUT="s3://nowhere/reports", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="x",
            AWS_SECRET_ACCESS_KEY="x", AWS_REGION="us-east-1", AWS_MAX_ATTEMPTS="1",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "Notices of earlier runs were not looked for." in done.stderr
