"""An address that nothing of ours can be at is refused everywhere, before a folder of that name is made."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.events import envelope, many, write
from support.tables import command

from bwp_client.errors import BwpError, UsageError
from bwp_client.load import load
from bwp_client.reports.published_report import open_published
from bwp_client.reports.store import open_store
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import open_snapshot

USES: dict[str, Callable[[str], object]] = {
    "warehouse": Warehouse,
    "notebook": open_snapshot,
    "reports": open_store,
    "report": open_published,
    "source": open_source,
}
FOREIGN = [
    "gs://bucket/x", "abfss://c@account.dfs.core.windows.net/x", "az://c/x", "azure://c/x", "http://host/x", "https://host/x",
    "hdfs://host/x", "s3a://bucket/x", "S3A://bucket/x", "ftp://host/x", "://x", "dbfs:///x",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("address", FOREIGN)
@pytest.mark.parametrize("use", USES)
def test_a_scheme_that_we_do_not_know_is_refused(use: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Write a path"):
        USES[use](address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["", "  ", "\t"])
@pytest.mark.parametrize("use", [use for use in USES if use != "source"])
def test_an_empty_address_is_not_the_working_folder(use: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is empty\. Nothing was read or written\. Write a path"):
        USES[use](address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("S3://bucket/x", "Write s3://bucket/x."),
        ("s3:/bucket/x", "Write s3://bucket/x."),
        ("S3:///bucket/x", "Write s3://bucket/x."),
        ("FILE:///x/y", "Write file:///x/y."),
        ("file:/x/y", "Write file:///x/y."),
    ],
)
@pytest.mark.parametrize("use", USES)
def test_a_slip_in_a_scheme_is_answered_with_what_to_write(use: str, address: str, advice: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        USES[use](address)
    assert str(raised.value).endswith(advice)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["file://otherhost/x", "file://x", "file://", "file://x/../y"])
@pytest.mark.parametrize("use", USES)
def test_a_file_of_another_machine_is_refused(use: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another machine"):
        USES[use](address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_file_address_is_its_path(host: str, tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%"
    folder.mkdir()
    address = folder.as_uri().replace("file://", f"file://{host}")
    assert Warehouse(address).uri == open_store(address).uri == str(folder)
    assert open_source(address).label == str(folder)
    assert Warehouse(f"file://{host}{folder}/new?x").uri == f"{folder}/new?x"


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/wh#1", "s3://bucket/wh?x", "s3://bucket/wh%20x", "s3://bucket/100%", "s3://bucket/a//b", "s3://bucket/a/../b",
        "s3://bucket/./a", "a[1]/w", "w^", "w|x", "w\\x", "w%20x", "w\nx",
    ],
)  # fmt: skip
def test_what_delta_lake_would_read_as_another_place_is_no_warehouse(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Delta Lake can't use"):
        Warehouse(address).create()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["w h", "w#1", "w?x", "100%", "x%zz", "wé", "w*", "w{a}", "w;x", "w'x\"y", "w:x", "..w"]
)
def test_other_characters_are_part_of_the_path(name: str, tmp_path: Path) -> None:
    write(tmp_path / "a.json", many(8))
    assert load(Warehouse(name), open_source("a.json")).stored == 8
    assert (tmp_path / name / "events").is_dir()
    assert open_snapshot(name).rows("select count(*) from failed_tasks")[0][0] > 0


def test_an_address_on_s3_has_one_form() -> None:
    for address in ("s3://bucket/p", "s3://bucket/p/", "s3://bucket/p//"):
        assert Warehouse(address).uri == open_store(address).uri == "s3://bucket/p"


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "a.json", "--warehouse", "gs://b/x"),
        ("load", "gs://b/x"),
        ("status", "--warehouse", "gs://b/x"),
        ("doctor", "gs://b/x"),
        ("doctor", "a.json", "--warehouse", "gs://b/x"),
        ("import", "a.csv", "--warehouse", "gs://b/x"),
        ("report", "--out", "gs://b/x"),
        ("report", "log", "--out", "gs://b/x"),
        ("report", "rebuild", "gs://b/x/manifest.json"),
        ("report", "rebuild", "reports/x/manifest.json", "--out", "gs://b/x"),
        ("report", "compare", "gs://b/x", "gs://b/y"),
        ("sample", "--events", "10", "--out", "gs://b/x"),
        ("sample", "--events", "10", "--out", "s3://b/x"),
        ("purge", "--before", "2026-01-01", "--warehouse", "gs://b/x"),
    ],
)
def test_every_command_refuses_it_with_exit_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path / "a.json", [envelope("t-1")])
    (tmp_path / "a.csv").write_text("task_id\nt-1\n")
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Write a path" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]


def test_settings_are_addresses_too(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [envelope("t-1")])
    done = command("load", "a.json", cwd=tmp_path, BWP_WAREHOUSE="abfss://b/x")
    assert done.returncode == 2
    assert "abfss://b/x" in done.stderr
    done = command("report", "log", cwd=tmp_path, BWP_REPORT__OUT="S3://b/x")
    assert done.returncode == 2
    assert "Write s3://b/x" in done.stderr
    done = command("load", "a.json", "--json", cwd=tmp_path, BWP_REPORT__OUT="gs://b/x")  # a load writes no report
    assert json.loads(done.stdout)["stored"] == 1


@pytest.mark.parametrize("where", ["a.json", "a.json/w", "/dev/null", "/dev/null/w", "pipe"])
def test_a_file_is_no_warehouse_and_no_folder_of_reports(where: str, tmp_path: Path) -> None:
    import os

    write(tmp_path / "a.json", many(3))
    os.mkfifo(tmp_path / "pipe")
    for use in (open_store, open_snapshot, lambda address: Warehouse(address).create()):
        with pytest.raises(UsageError, match=r"is no folder\. Nothing was read or written"):
            use(where)
    done = command("load", "a.json", "--warehouse", where, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "is no folder" in done.stderr
    assert "Load events first" not in done.stderr


def test_a_warehouse_that_can_not_be_made_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "a.json", many(3))
    done = command("load", "a.json", "--warehouse", "/proc/warehouse", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "The warehouse at /proc/warehouse can't be" in done.stderr
    assert "Load events first" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["a\0b", "~nobody-of-this-name/x", "x" * 5000])
def test_a_path_that_can_not_be_one_is_wrong_usage(address: str) -> None:
    for use in (lambda text: Warehouse(text).create(), open_store):
        with pytest.raises(BwpError) as raised:
            use(address)
        assert raised.value.exit_code == 2
