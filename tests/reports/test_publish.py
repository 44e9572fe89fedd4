"""A report is published once and whole, with the same bytes each time, or refused with its reasons."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake
from support.events import PRODUCT, write
from support.reports import (
    MONDAY,
    QUIET,
    WEEK,
    day_after,
    look_up,
    make_warehouse,
    report,
    report_json,
    run,
    run_json,
    steady,
    week_of_events,
)
from support.tables import clean_env

from bwp_client.warehouse import TableName, Warehouse

pytestmark = pytest.mark.timeout(900)  # each test runs the command line several times
_SECONDS = 800


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def published(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/manifest.json"))


def test_two_runs_give_the_same_bytes_and_so_does_rebuild_after_more_data(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path, *steady())
    as_of = datetime.now(UTC).isoformat()
    first = report_json(tmp_path, "--out", "a", "--as-of", as_of)
    later = week_of_events(MONDAY, failed=50, completed=0, prefix="later")
    run_json(tmp_path, "load", write(tmp_path / "more" / "0.json", later), "--json")
    look_up(warehouse, {f"later-{number}": ["NEW_CODE"] for number in range(50)})
    second = report_json(tmp_path, "--out", "b", "--as-of", as_of)
    assert first["state"] == second["state"] == "published"
    (a,), (b,) = published(tmp_path / "a"), published(tmp_path / "b")
    assert files_of(a) == files_of(b)
    assert {"report.html", "manifest.json", "tables/failure_rate.csv", "tables/failure_rate.parquet"} <= set(
        files_of(a)
    )
    rebuilt = run_json(tmp_path, "report", "rebuild", a, "--json")
    assert (rebuilt["is_equal"], rebuilt["differing"], rebuilt["history"]) == (True, [], "the same")
    now = report_json(tmp_path, "--out", "c")
    assert now["figures"]["failed"] == first["figures"]["failed"] + 50


def test_rebuild_says_that_the_history_is_gone_or_that_input_rows_were_changed(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    report_json(tmp_path, "--out", "out")
    (folder,) = published(tmp_path / "out")
    elsewhere = run(tmp_path, "report", "rebuild", folder, "--warehouse", "other", allowed=(0, 1, 2))
    assert elsewhere.exit_code == 0
    assert "every byte the same" in elsewhere.stdout
    assert "Not compared with the tables" in elsewhere.stdout
    rows = folder / "inputs" / "outcomes.parquet"
    rows.write_bytes(rows.read_bytes()[:-1])
    changed = run(tmp_path, "report", "rebuild", folder / "manifest.json", allowed=(0, 1, 2))
    assert changed.exit_code == 1
    assert "CHANGED: inputs/outcomes.parquet" in changed.stdout


def test_rebuild_names_a_page_that_was_changed(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    report_json(tmp_path, "--out", "out")
    (folder,) = published(tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["report.html"]["sha256"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = run(tmp_path, "report", "rebuild", folder, allowed=(0, 1, 2))
    assert done.exit_code == 1
    assert "report.html" in done.stdout


def test_a_repeated_run_is_a_no_op_and_both_are_logged(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    first = report_json(tmp_path, "--out", "out")
    (folder,) = published(tmp_path / "out")
    before = files_of(folder)
    again = report_json(tmp_path, "--out", "out")
    assert (first["state"], again["state"]) == ("published", "already published")
    assert files_of(folder) == before
    log = run_json(tmp_path, "report", "log", "--out", "out", "--json")["attempts"]
    assert [attempt["state"] for attempt in log] == ["already published", "published"]
    assert all(attempt["finished_at"] for attempt in log)


def test_catching_up_makes_the_missing_reports_and_none_twice(tmp_path: Path) -> None:
    events, answers = steady()
    make_warehouse(tmp_path, [*events, day_after()], answers)
    report_json(tmp_path, "--out", "out", period="2026-W09")
    done = report_json(tmp_path, "--out", "out", "--catch-up", "2")
    assert [item["key"].partition("_as")[0] for item in [*done["caught_up"], done]] == [
        "deletion_2026-W08", "deletion_2026-W10",
    ]  # fmt: skip
    nothing = report_json(tmp_path, "--out", "out", "--catch-up", "2")
    assert nothing == {"state": "nothing due"}
    assert len(published(tmp_path / "out")) == 3


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_of_a_period_neither_hides_nor_stops_the_other_periods(tmp_path: Path, as_json: bool) -> None:
    events, answers = steady()
    make_warehouse(tmp_path, [*events, day_after()], answers)
    in_the_way = tmp_path / "out" / f"deletion_2026-W09_as-of-{datetime.now(UTC):%Y-%m-%d}" / "notes.txt"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("made by hand")
    json_option = ["--json"] if as_json else []
    done = report(tmp_path, "--out", "out", "--catch-up", "2", *json_option)
    assert done.exit_code == 2, done.stderr
    assert [path.name.partition("_as")[0] for path in published(tmp_path / "out")] == [
        "deletion_2026-W08", "deletion_2026-W10",
    ]  # fmt: skip
    assert "is in the way" in done.stderr
    assert "2026-W09" in done.stderr
    if as_json:
        printed = json.loads(done.stdout)
        assert [item["state"] for item in [*printed["caught_up"], printed]] == ["published", "failed", "published"]
        assert "is in the way" in printed["caught_up"][1]["reasons"][0]
    else:
        places = [done.stderr.index(text) for text in ("W08_as", "could not be made", "W10_as")]
        assert places == sorted(places), "the results come in the order of the periods"


def test_the_number_of_periods_to_catch_up_is_bounded(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    done = report(tmp_path, "--out", "out", "--catch-up", "10001")
    assert done.exit_code == 2
    assert "10000" in done.stderr
    assert not (tmp_path / "out").exists()


def refused(tmp_path: Path, *options: str, period: str = WEEK, **env: str) -> str:
    """Return the message of a refusal that left the last good report alone; the report is then forced as well."""
    before = files_of(tmp_path / "out" / "good")
    done = report(tmp_path, "--out", "out", *options, period=period, **env)
    assert done.exit_code == 1, done.stderr
    assert [path.name for path in published(tmp_path / "out")] == ["good"]
    assert files_of(tmp_path / "out" / "good") == before
    log = run_json(tmp_path, "report", "log", "--out", "out", "--json")["attempts"]
    assert log[0]["state"] == "refused"
    assert log[0]["reasons"]
    forced = report_json(tmp_path, "--out", "out", "--force", *options, period=period, **env)
    assert forced["state"] == "published by force"
    page = (tmp_path / "out" / forced["key"] / "report.html").read_text()
    assert "Published by force" in page.partition("<h2>")[0]
    assert log[0]["reasons"][0].split(":")[0] in page.partition("<h2>")[0]
    return done.stderr


@pytest.fixture
def good(tmp_path: Path) -> Warehouse:
    """Return a warehouse of which a good report was published before."""
    warehouse = make_warehouse(tmp_path, *steady())
    report_json(tmp_path, "--out", "out")
    (folder,) = published(tmp_path / "out")
    folder.rename(tmp_path / "out" / "good")
    return warehouse


def test_an_empty_report_is_refused(good: Warehouse, tmp_path: Path) -> None:
    assert "empty: not one task" in refused(tmp_path, period="2025-W10")


def test_a_stale_report_is_refused(good: Warehouse, tmp_path: Path) -> None:
    assert "stale: the newest event is" in refused(tmp_path, BWP_REPORT__MAX_STALE_HOURS="48")


def test_incomplete_lookups_are_refused(good: Warehouse, tmp_path: Path) -> None:
    more = week_of_events(MONDAY, failed=20, completed=0, prefix="unknown")
    run_json(tmp_path, "load", write(tmp_path / "more" / "0.json", more), "--json")
    assert "10 of 30 failed tasks are known (33.3 %)" in refused(tmp_path)


def test_counts_that_differ_from_the_tables_are_refused(good: Warehouse, tmp_path: Path) -> None:
    """A foreign writer adds a row to the outcomes table that has no event."""
    handle = good.handle(TableName.OUTCOMES)
    row = handle.to_pyarrow_table().slice(0, 1)
    at = row.schema.get_field_index("task_id")
    foreign = row.set_column(at, row.schema.field(at), [["nobody"]])
    time_at = row.schema.get_field_index("occurred_at")
    foreign = foreign.set_column(time_at, row.schema.field(time_at), [[MONDAY + timedelta(hours=1)]])
    month_at = row.schema.get_field_index("occurred_month")
    write_deltalake(handle, foreign.set_column(month_at, row.schema.field(month_at), [["2026-03"]]), mode="append")
    more = write(
        tmp_path / "more" / "0.json", week_of_events(MONDAY, failed=0, completed=1, prefix="x", product=PRODUCT)
    )
    run_json(tmp_path, "load", more, "--json")
    assert "counts differ: the tables hold" in refused(tmp_path)


def test_a_blank_picture_is_refused(good: Warehouse, tmp_path: Path) -> None:
    """The browser writes nothing."""
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    assert "a picture is blank: report.pdf is blank" in refused(tmp_path, BWP_REPORT__BROWSER=str(browser))


def test_without_a_browser_the_manifest_says_that_pictures_were_not_made(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    made = report_json(tmp_path, "--out", "out")
    assert made["pictures"].startswith("PDF and PNG were not made")
    assert not list((tmp_path / "out").rglob("*.pdf"))


# Kills its own process, as the kernel would, before it writes the file after the n-th.
KILLED = """
import os, signal, sys
from bwp_client.reports import store_local, store_s3
count, last = 0, int(sys.argv[1])
def deadly(original):
    def step(*args, **kwargs):
        global count
        count += 1
        if count > last:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    return step
store_local._copy_durably = deadly(store_local._copy_durably)
store_s3.S3Store._put = deadly(store_s3.S3Store._put)
from bwp_client.__main__ import main
sys.argv[1:] = sys.argv[2:]
main()
"""


def killed_after(steps: int, cwd: Path, out: str, **env: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(steps), "report", "--period", WEEK, "--out", out],
        cwd=cwd, env=clean_env(**{**QUIET, **env}), capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("steps", [0, 1, 9])
def test_after_a_kill_in_mid_publish_no_half_report_is_listed_and_the_next_run_publishes(
    tmp_path: Path, steps: int
) -> None:
    make_warehouse(tmp_path, *steady())
    killed_after(steps, tmp_path, "out")
    assert published(tmp_path / "out") == []
    log = run_json(tmp_path, "report", "log", "--out", "out", "--json")["attempts"]
    assert [attempt["state"] for attempt in log] == ["running"]
    assert report_json(tmp_path, "--out", "out")["state"] == "published"
    assert len(published(tmp_path / "out")) == 1
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_after_a_kill_from_outside_at_any_moment_no_half_report_is_listed(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    child = subprocess.Popen(
        [sys.executable, "-m", "bwp_client", "report", "--period", WEEK, "--out", "out"],
        cwd=tmp_path, env=clean_env(**QUIET), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while child.poll() is None and not list((tmp_path / "out").glob(".partial-*")):
        time.sleep(0.0005)
    child.kill()
    child.wait()
    for folder in published(tmp_path / "out"):
        manifest = json.loads((folder / "manifest.json").read_text())
        assert set(files_of(folder)) == {*manifest["files"], "manifest.json"}
    assert report_json(tmp_path, "--out", "out")["state"] in {"published", "already published"}


@pytest.mark.s3
def test_on_s3_a_report_is_listed_when_it_is_whole_and_rebuilt_from_there(tmp_path: Path, bucket: Any) -> None:
    make_warehouse(tmp_path, *steady())
    out = f"{bucket.uri}/reports"
    for steps in (1, 8):  # the first write is the log entry, the last but one the manifest
        killed_after(steps, tmp_path, out, **bucket.env)
        assert run_json(tmp_path, "report", "log", "--out", out, "--json", **bucket.env)["attempts"]
    names = [item["Key"] for item in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]]
    assert not [name for name in names if name.endswith("manifest.json")]
    made = report_json(tmp_path, "--out", out, **bucket.env)
    assert made["state"] == "published"
    assert report_json(tmp_path, "--out", out, **bucket.env)["state"] == "already published"
    rebuilt = run_json(tmp_path, "report", "rebuild", made["manifest"], "--json", **bucket.env)
    assert (rebuilt["is_equal"], rebuilt["history"]) == (True, "the same")
    local = report_json(tmp_path, "--out", "here", "--as-of", datetime.now(UTC).isoformat())
    changes = run_json(tmp_path, "report", "compare", made["manifest"], tmp_path / "here" / local["key"], **bucket.env)
    assert changes["tables"] == {}


def test_two_publishers_at_once_publish_one_report(tmp_path: Path) -> None:
    make_warehouse(tmp_path, *steady())
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bwp_client", "report", "--period", WEEK, "--out", "out", "--json"],
            cwd=tmp_path, env=clean_env(**QUIET), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    states = sorted(json.loads(child.communicate(timeout=_SECONDS)[0])["state"] for child in running)
    assert states == ["already published", "published"]
    (folder,) = published(tmp_path / "out")
    assert set(json.loads((folder / "manifest.json").read_text())["files"]) == set(files_of(folder)) - {"manifest.json"}


def test_compare_says_what_changed(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path, *steady())
    a = report_json(tmp_path, "--out", "a")
    more = write(tmp_path / "more" / "0.json", week_of_events(MONDAY, failed=10, completed=0, prefix="later"))
    run_json(tmp_path, "load", more, "--json")
    look_up(warehouse, {f"later-{number}": ["NEW_CODE"] for number in range(10)})
    b = report_json(tmp_path, "--out", "b")
    found = run_json(tmp_path, "report", "compare", tmp_path / "a" / a["key"], tmp_path / "b" / b["key"])
    assert found["tables"]["coverage"]["changed"][0]["failed"] == [10, 20]
    (added,) = found["tables"]["error_codes"]["added"]
    assert (added["code"], added["tasks"]) == ("NEW_CODE", 10)
    assert found["a"]["key"] == a["key"]


@pytest.mark.parametrize("period", ["last-fortnight", "2026-W60", "2026-13", "2026-10-05..2026-10-01", "..", ""])
def test_a_text_that_names_no_period_is_wrong_usage(tmp_path: Path, period: str) -> None:
    done = report(tmp_path, "--out", "out", period=period)
    assert done.exit_code == 2
    assert "is no period. Nothing was made" in done.stderr
