"""A period is done by a report of data beyond its end; a report answers one question over one warehouse only."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.events import envelope, write
from support.reports import MONDAY, make_warehouse, report, report_json, run, run_json, steady

from bwp_client.reports.spec import ReportSpec

END = MONDAY + timedelta(days=7)
CATCH_UP = ("--catch-up", "1")


def load_later_event(folder: Path, time: datetime = END) -> None:
    name = f"later-{time:%d-%H}"
    run_json(folder, "load", write(folder / name / "0.json", [envelope(name, time=time)]), "--json")


def folders(folder: Path, out: str = "reports") -> list[str]:
    return sorted(path.parent.name for path in (folder / out).glob("*/manifest.json"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def as_older_version(folder: Path, **question: Any) -> Path:
    """Rewrite the manifest of the only report as a version without identities and limits of the data wrote it."""
    (path,) = (folder / "reports").glob("*/manifest.json")
    value = json.loads(path.read_text(encoding="utf-8"))
    value.pop("identity", None)
    for name in ("newest_event_at", "reaches_to"):
        value["facts"].pop(name, None)
    value["question"] |= question
    value["key"] = ReportSpec.from_json(value["question"]).key
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path.parent.rename(path.parent.with_name(value["key"]))


@pytest.fixture(scope="module")
def with_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a warehouse whose newest event came 80 minutes before the end of the week."""
    folder = tmp_path_factory.mktemp("warehouse")
    make_warehouse(folder, *steady())
    return folder


@pytest.fixture(scope="module")
def with_report(tmp_path_factory: pytest.TempPathFactory, with_warehouse: Path) -> tuple[Path, Any]:
    """Return a folder with that warehouse and a report of it, and what the command printed."""
    folder = tmp_path_factory.mktemp("report") / "base"
    shutil.copytree(with_warehouse, folder)
    return folder, report_json(folder)


@pytest.fixture
def folder(tmp_path: Path, with_warehouse: Path) -> Path:
    return Path(shutil.copytree(with_warehouse, tmp_path / "base"))


@pytest.fixture
def published(tmp_path: Path, with_report: tuple[Path, Any]) -> tuple[Path, Any]:
    """Return a folder with a warehouse and a report, and what the command printed when the report was published."""
    base, made = with_report
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    return folder, json.loads(json.dumps(made).replace(str(base), str(folder)))


# Done means done.


def test_with_catching_up_a_report_waits_for_data_beyond_its_period(folder: Path) -> None:
    early = report(folder, *CATCH_UP)
    assert early.exit_code == 1, early.output
    assert (
        "too early: the newest event is of 8 Mar 2026 22:40 UTC, before the period's end (9 Mar 2026 UTC)"
        in early.stderr
    )
    assert folders(folder) == [f"deletion_2026-W09_as-of-{datetime.now(UTC):%Y-%m-%d}"]
    load_later_event(folder)
    assert report_json(folder, *CATCH_UP)["state"] == "published"
    assert report_json(folder, *CATCH_UP) == {"state": "nothing due"}


@pytest.mark.parametrize("is_older_version", [False, True])
def test_a_fuller_report_takes_the_place_of_one_that_was_published_too_early(
    published: tuple[Path, Any], *, is_older_version: bool
) -> None:
    folder, first = published
    assert first["state"] == "published"
    if is_older_version:
        as_older_version(folder)
    before = bytes_of(folder / "reports" / first["key"])
    load_later_event(folder)
    done = report_json(folder, *CATCH_UP)
    assert (done["state"], done["key"]) == ("published", f"{first['key']}_2")
    assert done["replaces"] == first["manifest"]
    assert [item["key"].split("_")[1] for item in done["caught_up"]] == ["2026-W09"]
    page = Path(done["link"]).read_text(encoding="utf-8")
    assert f"Takes the place of {first['key']}, whose data ended before the period did." in page
    assert bytes_of(folder / "reports" / first["key"]) == before
    log = run_json(folder, "report", "log", "--json")["attempts"]
    assert [item.get("replaced_by", "") for item in log if item["key"] == first["key"]] == [done["key"]]
    assert sum("replaced_by" in item for item in log) == 1
    assert f"Replaced by {done['key']}." in run(folder, "report", "log").stdout
    assert report_json(folder, *CATCH_UP) == {"state": "nothing due"}
    assert report_json(folder)["state"] == "already published"
    assert run_json(folder, "report", "rebuild", done["manifest"], "--json")["is_equal"]


def test_a_look_at_the_period_on_an_earlier_day_does_not_take_its_place(published: tuple[Path, Any]) -> None:
    """The report of an earlier version, whose run came before the end of the period."""
    folder, _ = published
    earlier = as_older_version(folder, as_of=(END - timedelta(hours=20)).isoformat())
    manifest = json.loads((earlier / "manifest.json").read_text(encoding="utf-8"))
    manifest["facts"]["run_finished_at"] = (END - timedelta(hours=21)).isoformat()
    (earlier / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    load_later_event(folder)
    done = report_json(folder, *CATCH_UP)
    assert (done["state"], done["replaces"]) == ("published", str(earlier / "manifest.json"))
    assert done["key"].endswith(f"as-of-{datetime.now(UTC):%Y-%m-%d}")


def test_a_report_of_an_earlier_version_whose_rows_reach_beyond_the_period_is_final(folder: Path) -> None:
    load_later_event(folder)
    report_json(folder)
    as_older_version(folder)
    assert report_json(folder, "--catch-up", "1")["key"].startswith("deletion_2026-W09_")


def test_without_newer_data_a_second_run_of_the_day_changes_nothing(published: tuple[Path, Any]) -> None:
    folder, first = published
    before = bytes_of(folder / "reports" / first["key"])
    load_later_event(folder, END - timedelta(hours=1))
    assert report_json(folder)["state"] == "already published"
    assert folders(folder) == [first["key"]]
    assert bytes_of(folder / "reports" / first["key"]) == before


# One place, one question, one warehouse, one set of settings.


def taken(folder: Path, *options: str, **env: str) -> str:
    before = bytes_of(folder / "reports")
    done = report(folder, *options, **env)
    assert done.exit_code == 1, done.output
    assert "another report has this address: " in done.stderr
    assert "--force publishes it" not in done.stderr
    after = bytes_of(folder / "reports")
    assert {name: text for name, text in after.items() if not name.startswith("log/")} == {
        name: text for name, text in before.items() if not name.startswith("log/")
    }
    return done.stderr


@pytest.mark.parametrize("is_forced", [False, True])
def test_a_report_of_another_warehouse_is_no_answer(published: tuple[Path, Any], *, is_forced: bool) -> None:
    folder, _ = published
    events, answers = steady("other")
    make_warehouse(folder / "other", events[30:], answers)
    options = ("--warehouse", str(folder / "other" / "warehouse"), *(["--force"] if is_forced else []))
    assert "the warehouse differs" in taken(folder, *options)


def test_a_warehouse_that_was_moved_is_the_same(published: tuple[Path, Any]) -> None:
    folder, _ = published
    (folder / "warehouse").rename(folder / "moved")
    assert report_json(folder, "--warehouse", "moved", "--out", "reports")["state"] == "already published"


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("BWP_MIN_N", "5000", "min_n is 20 there and 5000 here"),
        ("BWP_DEADLINE_RULE", "CCPA", "deadline_rule is 'GDPR' there and 'CCPA' here"),
        ("BWP_TIMEZONE", "Asia/Tokyo", "timezone is 'UTC' there and 'Asia/Tokyo' here"),
        ("BWP_PRODUCT_NAMES", '{"bp-1": "Socks"}', "the names of products differ"),
    ],
)
def test_a_report_with_other_settings_is_no_answer(
    published: tuple[Path, Any], name: str, value: str, difference: str
) -> None:
    folder, _ = published
    assert difference in taken(folder, **{name: value})


def test_a_report_as_of_another_time_of_the_day_is_no_answer_to_a_named_time(folder: Path) -> None:
    now = datetime.now(UTC)
    made = report_json(folder, "--as-of", now.isoformat())
    assert report_json(folder, "--as-of", now.isoformat())["state"] == "already published"
    assert report_json(folder)["state"] == "already published"
    assert report_json(folder, "--as-of", f"{now:%Y-%m-%d}")["state"] == "already published"
    earlier = now - timedelta(milliseconds=1)
    assert f"{made['key']} was published, but it is as of" in taken(folder, "--as-of", earlier.isoformat())


def test_a_report_without_an_identity_is_an_answer_as_before(published: tuple[Path, Any]) -> None:
    folder, _ = published
    as_older_version(folder)
    assert report_json(folder)["state"] == "already published"
    assert "min_n is 20 there" in taken(folder, BWP_MIN_N="30")


# The order of filters.

PRODUCTS = ("bp-a", "bp-b")


def filters(*products: str) -> list[str]:
    return [option for product in products for option in ("--business-product", product)]


@pytest.fixture
def two_products(tmp_path: Path) -> Path:
    events = [
        envelope(f"{product}-{number}", time=MONDAY - timedelta(days=9) + timedelta(hours=number), product=product)
        for product in PRODUCTS
        for number in range(0, 24 * 17, 4)
    ]
    make_warehouse(tmp_path, events, {})
    return tmp_path


def test_order_and_repetition_of_filters_do_not_matter(two_products: Path) -> None:
    first = report_json(two_products, *filters("bp-b", "bp-a"), *CATCH_UP)
    again = report_json(two_products, *filters("bp-a", "bp-b", "bp-a"))
    assert (again["state"], again["key"]) == ("already published", first["key"])
    assert report_json(two_products, *filters("bp-a", "bp-b"), *CATCH_UP) == {"state": "nothing due"}


def test_the_key_of_an_earlier_version_is_recognised_in_any_order(two_products: Path) -> None:
    made = report_json(two_products, *filters("bp-a", "bp-b"))
    earlier = as_older_version(two_products, business_products=["bp-b", "bp-a"])
    assert earlier.name != made["key"]
    for products in (("bp-a", "bp-b"), ("bp-b", "bp-a")):
        again = report_json(two_products, *filters(*products))
        assert (again["state"], again["key"]) == ("already published", earlier.name)
    other = report_json(two_products, *filters("bp-a"))
    assert other["state"] == "published"


# What is in the way.


def test_a_damaged_manifest_does_not_count_and_is_named(folder: Path) -> None:
    load_later_event(folder)
    made = report_json(folder)
    Path(made["manifest"]).write_text("{", encoding="utf-8")
    again = report(folder)
    assert again.exit_code == 1
    assert f"{made['key']}_2 (2 Mar 2026 to 8 Mar 2026, UTC): published." in again.stderr
    assert f"Needs attention: {made['manifest']} can't be read, so it does not count as published." in again.stderr


def test_a_folder_that_is_no_report_is_named(published: tuple[Path, Any]) -> None:
    folder, made = published
    Path(made["manifest"]).unlink()
    done = report(folder)
    assert done.exit_code == 2
    assert f"{folder / 'reports' / made['key']} is in the way: it is no published report" in done.stderr


def test_last_week_as_of_a_day_is_the_same_week_on_that_day_and_later(folder: Path) -> None:
    shutil.rmtree(folder / "warehouse")
    for text in ("2026-03-08", "2026-03-08T23:59:59Z"):  # a Sunday
        done = run(folder, "report", "--period", "last-week", "--as-of", text, allowed=(0, 1, 2))
        assert "last-week is 23 Feb 2026 to 1 Mar 2026 (UTC)" in done.stderr
    for period, days in (("last-month", "1 Jan 2026 to 31 Jan 2026"), ("last-year", "1 Jan 2025 to 31 Dec 2025")):
        done = run(folder, "report", "--period", period, "--as-of", "2026-02-28", allowed=(0, 1, 2))
        assert f"{period} is {days} (UTC)" in done.stderr


@pytest.mark.parametrize(
    "period", ["0001-W01", "0001-01", "9999-W52", "9999-12", "1000", "1899", "3000", "1899-12-31..1900-01-01"]
)
def test_a_period_beyond_the_ends_of_the_calendar_is_wrong_usage(tmp_path: Path, period: str) -> None:
    done = report(tmp_path, period=period)
    assert done.exit_code == 2
    assert f"{period!r} is outside 1900 to 2999. Nothing was made." in done.stderr
