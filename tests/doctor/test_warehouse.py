"""`doctor PATH` says whether a load can write to the warehouse, and leaves nothing behind."""

from pathlib import Path

import pytest
from support.events import many, write
from support.s3 import Bucket
from support.tables import command

from bwp_client.doctor.findings import Finding
from bwp_client.doctor.warehouse import inspect_warehouse
from bwp_client.load import load
from bwp_client.sources import FileSource
from bwp_client.warehouse import Warehouse


def finding(path: Path | str) -> Finding:
    (found,) = inspect_warehouse(Warehouse(str(path)))
    return found


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_new_and_an_existing_warehouse_can_be_written_and_nothing_is_left_behind(tmp_path: Path) -> None:
    write(tmp_path / "events" / "a.json", many(3))
    new = finding(tmp_path / "deep" / "w")
    assert (new.ok, "does not exist yet" in new.text) == (True, True)
    load(Warehouse(str(tmp_path / "w")), FileSource(str(tmp_path / "events")))
    before = everything(tmp_path)
    old = finding(tmp_path / "w")
    assert (old.ok, old.text.endswith("can be written")) == (True, True)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("below", ["", "w", "deep/w"])
def test_a_warehouse_on_a_file_cannot_be_written(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = finding(tmp_path / "file" / below)
    assert not found.ok
    assert f"can't be written: {tmp_path / 'file'}: it is a file" in found.text
    assert "BWP_WAREHOUSE" in found.fix


def test_a_warehouse_where_no_file_can_be_made_cannot_be_written() -> None:
    found = finding("/proc/bwp")
    assert not found.ok
    assert "can't be written: /proc" in found.text


def test_a_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "events").write_text("")
    assert f"can't be written: {tmp_path / 'w' / 'events'}" in finding(tmp_path / "w").text


def test_doctor_path_says_it_beside_the_number_of_files(tmp_path: Path) -> None:
    write(tmp_path / "events" / "a.json", many(3))
    good = command("doctor", "events", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "holds 1 files" in good.stdout
    assert f"OK    warehouse {tmp_path / 'warehouse'} can be written" in good.stdout
    assert not (tmp_path / "warehouse").exists()
    (tmp_path / "file").write_text("x")
    bad = command("doctor", "events", "--warehouse", "file", cwd=tmp_path)
    assert bad.returncode == 1, bad.stderr
    assert "WRONG warehouse" in bad.stdout


@pytest.mark.s3
def test_a_warehouse_on_s3_is_read(bucket: Bucket) -> None:
    found = finding(f"{bucket.uri}/w")
    assert (found.ok, "does not exist yet" in found.text) == (True, True)


@pytest.mark.s3
def test_a_bucket_that_does_not_exist_is_named(bucket: Bucket) -> None:
    found = finding(f"{bucket.uri}-missing/w")
    assert not found.ok, found.text
    assert "missing/w can't be read" in found.text
