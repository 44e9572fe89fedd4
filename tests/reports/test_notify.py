"""Notices of reports, received over a real socket: the counts, the statement and the link, and nothing else."""

import json
import subprocess
from pathlib import Path

from support.notices import receiver
from support.reports import QUIET, WEEK, make_warehouse, steady
from support.tables import command


def report(folder: Path, *options: str, period: str = WEEK, **env: str) -> subprocess.CompletedProcess[str]:
    return command("report", "--period", period, "--out", "out", *options, cwd=folder, **{**QUIET, **env})


def test_a_notice_is_sent_of_a_published_a_refused_and_a_failed_report_and_none_of_a_repeated_run(
    tmp_path: Path,
) -> None:
    make_warehouse(tmp_path, *steady())
    with receiver() as (url, notices):
        made = report(tmp_path, "--notify", url, "--json")
        again = report(tmp_path, "--notify", url)
        refused = report(tmp_path, BWP_REPORT__MAX_STALE_HOURS="1", BWP_NOTIFY_URL=url, period="2026-W09")
        failed = report(tmp_path, "--warehouse", "nowhere", "--notify", url, period="2026-W08")
    assert [done.returncode for done in (made, again, refused, failed)] == [0, 0, 1, 2]
    assert [notice["title"] for notice in notices] == [
        "Report deletion 2026-W10: published",
        "Report deletion 2026-W09: not published",
        "Report deletion 2026-W08: could not be made",
    ]
    assert notices[0]["message"].splitlines() == [
        "Failure rate 5.0 % (2.7–9.0 %, n 200), no clear change from the 7 days before (5.0 %).",
        "10 of 200 tasks failed.",
        json.loads(made.stdout)["link"],
    ]
    assert notices[1]["message"].startswith("Refused: stale: the newest event is")
    assert "held nothing as of" in notices[2]["message"]


def test_a_report_is_published_though_its_notice_can_not_be_delivered(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    with receiver(status=500) as (url, _):
        done = report(tmp_path, "--notify", url)
    assert done.returncode == 1
    assert "the notice could not be delivered" in done.stderr
    assert list((tmp_path / "out").glob("*/manifest.json"))
