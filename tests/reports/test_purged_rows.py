"""A purge always names the published reports that carry what it removed, and prints its whole result whatever they hold."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import write
from support.reports import MONDAY, make_warehouse, report_json, run, run_json, steady, week_of_events

OTHER_PRODUCT = "bp-2f1c8f1e-0000-4000-8000-000000000002"
DAY = (MONDAY - timedelta(days=7)).date().isoformat()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a warehouse and a report of it."""
    folder = tmp_path_factory.mktemp("original")
    make_warehouse(folder, *steady())
    report_json(folder)
    return folder


@pytest.fixture
def data(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder."""
    return shutil.copytree(original, tmp_path / "data")


@pytest.fixture(scope="module")
def key(original: Path) -> str:
    """Return the key of the report."""
    return next((original / "reports").glob("*/manifest.json")).parent.name


def purge(folder: Path, *options: str, allowed: tuple[int, ...] = (0, 1), **env: str) -> Any:
    return run_json(folder, "purge", "--before", DAY, "--json", *options, allowed=allowed, **env)


def test_purge_names_the_reports_that_still_carry_older_rows(data: Path, key: str) -> None:
    assert purge(data, "--dry-run")["reports"] == [key]
    done = run(data, "purge", "--before", DAY)
    assert f"carry rows older than {DAY}: {key}." in done.stderr
    rebuilt = run_json(data, "report", "rebuild", data / "reports" / key, "--json")
    assert rebuilt["history"] == "not there any more"
    later = run_json(data, "purge", "--before", "2026-01-01", "--json")
    assert later["reports"] == [key], "the first purge removed rows that the report carries"


def test_purge_says_that_no_report_carries_older_rows(data: Path) -> None:
    done = run(data, "purge", "--dry-run", "--before", "2026-01-01")
    assert f"No published report in {data / 'reports'} carries rows older than 2026-01-01." in done.stderr


def test_a_report_of_a_product_without_older_rows_is_not_named(data: Path, key: str) -> None:
    week = week_of_events(MONDAY, failed=2, completed=30, prefix="late", product=OTHER_PRODUCT)
    run(data, "load", write(data / "more" / "0.json", week))
    made = report_json(data, "--business-product", OTHER_PRODUCT, "--force")
    assert made["key"] in run(data, "report", "log").stdout
    assert purge(data, "--dry-run")["reports"] == [key]


def test_a_damaged_manifest_is_one_line_after_the_whole_result(data: Path, key: str) -> None:
    (data / "reports" / "x").mkdir()
    (data / "reports" / "x" / "manifest.json").write_text("{}")
    done = run(data, "purge", "--before", DAY, allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    assert "Removed: " in done.stderr
    assert key in done.stderr
    assert "Needs attention: x can't be read. Look yourself" in done.stderr
    assert "Nothing was made" not in done.stderr


def test_reports_that_were_damaged_in_any_way_are_each_one_line(data: Path, key: str) -> None:
    reports = data / "reports"
    for name, damage in (("rows", "inputs/outcomes.parquet"), ("gone", "inputs")):
        copy = shutil.copytree(reports / key, reports / name)
        value = json.loads((copy / "manifest.json").read_bytes()) | {"key": name}
        (copy / "manifest.json").write_text(json.dumps(value))
        if damage == "inputs":
            shutil.rmtree(copy / damage)
        else:
            (copy / damage).write_bytes(b"other")
    shutil.copytree(reports / key, reports / "renamed")
    (reports / "folder" / "manifest.json").mkdir(parents=True)
    for name, text in (("nothing", ""), ("list", "[1]"), ("deep", "[" * 100_000)):
        (reports / name).mkdir()
        (reports / name / "manifest.json").write_text(text)
    found = purge(data, "--dry-run", allowed=(0, 1, 2, 4))
    assert found["events"] > 0
    assert found["reports"] == [key]
    assert sorted(found["unreadable_reports"]) == ["deep", "folder", "gone", "list", "nothing", "renamed", "rows"]


def test_a_wrong_address_of_reports_ends_the_purge_before_anything_is_removed(data: Path) -> None:
    (data / "file").write_text("")
    done = run(data, "purge", "--before", DAY, allowed=(0, 1, 2, 4), BWP_REPORT__OUT="file")
    assert done.exit_code == 2
    assert "is no folder. Nothing was read or written." in done.stderr
    assert run_json(data, "purge", "--before", DAY, "--json", "--dry-run")["events"] > 0


@pytest.mark.s3
def test_on_s3_too_and_reports_that_can_not_be_listed_are_one_line(data: Path, bucket: Any) -> None:
    out = f"{bucket.uri}/reports"
    made = report_json(data, "--out", out, **bucket.env)
    bucket.client.put_object(Bucket=bucket.name, Key="reports/x/manifest.json", Body=b"{}")
    found = purge(data, "--dry-run", allowed=(0, 1, 2, 3), BWP_REPORT__OUT=out, **bucket.env)
    assert (found["reports"], list(found["unreadable_reports"])) == ([made["key"]], ["x"])
    away = {**bucket.env, "BWP_REPORT__OUT": "s3://no-such-bucket-of-ours/reports"}
    done = run(data, "purge", "--before", DAY, allowed=(0, 1, 2, 3, 4), **away)
    assert done.exit_code == 1
    assert "Removed: " in done.stderr
    assert "Needs attention: s3://no-such-bucket-of-ours/reports can't be read. Look yourself" in done.stderr
    assert "Nothing was published" not in done.stderr
