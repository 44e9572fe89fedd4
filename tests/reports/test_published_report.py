"""A published report is verified, rebuilt and compared wherever a copy of it lies, and nothing outside its folder is read."""

import errno
import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.reports import make_warehouse, report_json, run, run_json, steady

from bwp_client.ui.published_reports import published_reports, report_zip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a published report."""
    folder = tmp_path_factory.mktemp("original")
    make_warehouse(folder, *steady())
    return folder / "reports" / report_json(folder)["key"]


def is_whole(report: Path | str, folder: Path, **env: str) -> bool:
    """Return whether a report is rebuilt, and is the same as the original."""
    rebuilt = run_json(folder, "report", "rebuild", report, "--json", **env)
    return bool(rebuilt["is_equal"] and rebuilt["compared"] == 37)


def test_a_copy_under_another_name_is_rebuilt(original: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(original, tmp_path / "else where" / "copy")
    assert is_whole(copy / "manifest.json", tmp_path)
    assert run_json(tmp_path, "report", "compare", copy, original)["tables"] == {}


def test_the_zip_of_the_page_is_rebuilt_as_it_is_and_unpacked_anywhere(original: Path, tmp_path: Path) -> None:
    uri = str(original.parent)
    (manifest,) = published_reports(uri).readable
    packed = tmp_path / "downloaded.zip"
    packed.write_bytes(report_zip(uri, manifest))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert is_whole(tmp_path / "unpacked", tmp_path)
    assert run_json(tmp_path, "report", "rebuild", packed, "--verify", "--json")["is_equal"]
    assert run_json(tmp_path, "report", "compare", packed, original)["tables"] == {}


def test_a_zip_of_the_folder_is_rebuilt_and_a_changed_one_is_found(original: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", original.parent, original.name))
    assert is_whole(packed, tmp_path)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("outside.txt", "")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(f"{original.name}/report.html", "other")
    done = run(tmp_path, "report", "rebuild", packed, "--verify", allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    assert "CHANGED: report.html" in done.stdout
    assert "FOREIGN: report.html (a second file of this name)" in done.stdout
    assert "FOREIGN: outside.txt" in done.stdout


def test_a_zip_of_something_else_and_a_file_of_another_kind_are_wrong_usage(original: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "")
    for name in (tmp_path / "other.zip", original / "report.html"):
        done = run(tmp_path, "report", "rebuild", name, "--verify", allowed=(0, 1, 2, 4))
        assert done.exit_code == 2
        assert "Nothing was read." in done.stderr


def as_on_s3(original: Path, target: Path) -> Path:
    """Lay a report out as `aws s3 cp --recursive` does: its files below the digest of its manifest."""
    digest = hashlib.sha256((original / "manifest.json").read_bytes()).hexdigest()[:12]
    shutil.copytree(original, target / digest)
    (target / digest / "manifest.json").rename(target / "manifest.json")
    return target / digest


def test_a_plain_copy_from_s3_is_rebuilt(original: Path, tmp_path: Path) -> None:
    as_on_s3(original, tmp_path / "copy")
    assert is_whole(tmp_path / "copy", tmp_path)


def test_a_changed_manifest_of_a_copy_from_s3_is_named(original: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    files = as_on_s3(original, copy)
    (files / "added.txt").write_text("")
    (copy / "beside.txt").write_text("")
    value = json.loads((copy / "manifest.json").read_bytes())
    value["facts"]["quarantined"] = 7
    (copy / "manifest.json").write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    found = run_json(tmp_path, "report", "rebuild", copy, "--verify", "--json", allowed=(1,))
    assert found["fields"] == ["its digest is not the name of the folder of its files", "facts.quarantined"]
    assert found["foreign"] == ["added.txt", "beside.txt"]
    assert (found["changed"], found["missing"]) == ([], [])


@pytest.mark.s3
def test_a_report_is_verified_on_s3_and_after_a_plain_copy_from_there(tmp_path: Path, bucket: Any) -> None:
    make_warehouse(tmp_path, *steady())
    made = report_json(tmp_path, "--out", f"{bucket.uri}/reports", **bucket.env)
    assert is_whole(made["manifest"], tmp_path, **bucket.env)
    prefix = f"reports/{made['key']}/"
    for item in bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=prefix)["Contents"]:
        target = tmp_path / "copy" / item["Key"].removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket.client.download_file(bucket.name, item["Key"], str(target))
    assert is_whole(tmp_path / "copy", tmp_path)
    inside = run(
        tmp_path, "report", "--out", made["manifest"].removesuffix("/manifest.json"), allowed=(0, 1, 2, 3), **bucket.env
    )
    assert (inside.exit_code, "is a published report" in inside.stderr) == (2, True)
    page = made["link"].removeprefix(f"{bucket.uri}/")
    bucket.client.put_object(Bucket=bucket.name, Key=page, Body=b"other")
    bucket.client.put_object(Bucket=bucket.name, Key=f"{prefix}foreign.txt", Body=b"")
    bucket.client.put_object(Bucket=bucket.name, Key=f"{prefix}0123456789ab/report.html", Body=b"of a stopped attempt")
    done = run(tmp_path, "report", "rebuild", made["manifest"], allowed=(0, 1, 2), **bucket.env)
    assert done.exit_code == 1
    assert "CHANGED: report.html" in done.stdout
    assert "FOREIGN: foreign.txt" in done.stdout
    assert "no part of the report: 0123456789ab/report.html" in done.stdout


@pytest.mark.parametrize("key", ["../r1/{}", "/etc", "..", "a/b", "", "a\\b", 1])
def test_a_key_that_leads_out_of_its_folder_is_refused(original: Path, tmp_path: Path, key: Any) -> None:
    """The other folder holds the report as it was published, so that following the key would find every digest right."""
    copy = shutil.copytree(original, tmp_path / "r34" / "a")
    shutil.copytree(original, tmp_path / "r34" / "r1" / original.name)
    value = json.loads((copy / "manifest.json").read_bytes())
    value["key"] = key.format(original.name) if isinstance(key, str) else key
    (copy / "manifest.json").write_text(json.dumps(value))
    for path in ("inputs", "tables"):
        shutil.rmtree(copy / path)
    done = run(tmp_path, "report", "rebuild", copy, allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    assert "MISSING: inputs/outcomes.parquet" in done.stdout
    assert "manifest.json: key" in done.stdout
    compared = run(tmp_path, "report", "compare", copy, original, allowed=(0, 1, 2, 4))
    assert compared.exit_code == 2


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "tables/../../secret.txt", "a\\b", "tables//x"])
def test_a_path_that_leads_out_of_the_folder_is_refused(original: Path, tmp_path: Path, path: str) -> None:
    copy = shutil.copytree(original, tmp_path / "copy")
    (tmp_path / "secret.txt").write_text("secret")
    value = json.loads((copy / "manifest.json").read_bytes())
    value["files"][path] = {"sha256": "0" * 64, "size_bytes": 6}
    (copy / "manifest.json").write_text(json.dumps(value))
    done = run(tmp_path, "report", "rebuild", copy, allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    assert "leads out of the folder of the report" in done.stdout
    assert f"CHANGED: {path}" not in done.stdout


def test_a_link_that_leads_out_of_the_folder_is_not_read(original: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(original, tmp_path / "copy")
    (copy / "report.html").unlink()
    (copy / "report.html").symlink_to(original / "report.html")
    shutil.rmtree(copy / "tables")
    (copy / "tables").symlink_to(original / "tables")
    os.mkfifo(copy / "pipe")
    (copy / "description.json").unlink()
    os.mkfifo(copy / "description.json")
    done = run(tmp_path, "report", "rebuild", copy, "--verify", allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    assert "CHANGED: report.html" in done.stdout
    assert "CHANGED: tables/failure_rate.csv" in done.stdout
    assert "is a link that leads out of the folder" in done.stdout
    assert "CHANGED: description.json" in done.stdout
    assert "FOREIGN: pipe" in done.stdout


def test_files_that_the_disk_can_not_read_are_each_named(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, read = shutil.copytree(original, tmp_path / "copy"), Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.name in ("report.html", "description.json", "manifest.json.sig"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    done = run(tmp_path, "report", "rebuild", copy, "--verify", allowed=(0, 1, 2, 4))
    assert done.exit_code == 1
    for name in ("report.html", "description.json"):
        assert f"CHANGED: {name} ({copy / name} can't be read (OSError: Input/output error).)" in done.stdout


def test_a_manifest_in_a_folder_of_another_name_is_not_taken_for_another_report(original: Path, tmp_path: Path) -> None:
    shutil.copytree(original, tmp_path / "reports" / "other")
    found = published_reports(str(tmp_path / "reports"))
    assert found.readable == []
    assert found.problems[0].startswith("other can't be shown: The folder other holds the manifest of another report")


def written_by_rebuild(folder: Path, out: str, report: Path) -> str:
    done = run(folder, "report", "rebuild", report, "--out", out, allowed=(0, 1, 2, 4))
    assert done.exit_code == 2, done.output
    assert "Nothing was written." in done.stderr
    return done.stderr


def test_rebuild_never_writes_over_a_published_report(original: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(original, tmp_path / original.name)
    (copy / "report.html").write_text("damaged")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(copy)
    for out in (copy, tmp_path / "link", tmp_path, copy / "tables", copy / "new", tmp_path / "link" / "new"):
        written_by_rebuild(tmp_path, str(out), copy)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_rebuild_into_a_file_is_wrong_usage(original: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/below"):
        assert "is or lies below a file" in written_by_rebuild(tmp_path, out, original)
    assert (tmp_path / "file").read_text() == "mine"


def test_rebuild_into_a_new_or_an_empty_folder_writes_the_files(original: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in ("empty", "new/below"):
        run(tmp_path, "report", "rebuild", original, "--out", out)
        assert (tmp_path / out / "report.html").read_bytes() == (original / "report.html").read_bytes()


def test_reports_are_not_published_into_a_published_report(original: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(original, tmp_path / "copy")
    shutil.copytree(original.parent.parent / "warehouse", tmp_path / "warehouse")
    before = sorted(copy.rglob("*"))
    for out in ("copy", "copy/tables", "copy/new"):
        done = run(tmp_path, "report", "--period", "2026-W09", "--out", out, allowed=(0, 1, 2, 4))
        assert done.exit_code == 2
        assert "is a published report, which never changes. Nothing was read or written." in done.stderr
    assert sorted(copy.rglob("*")) == before


@pytest.mark.s3
@pytest.mark.parametrize("inside", ["KEY", "KEY/digest", "KEY/new/below"])
def test_on_s3_nothing_is_written_into_a_published_report(
    original: Path, tmp_path: Path, bucket: Any, inside: str
) -> None:
    shutil.copytree(original.parent.parent / "warehouse", tmp_path / "warehouse")
    for name in ("manifest.json", "digest/report.html"):
        bucket.client.put_object(Bucket=bucket.name, Key=f"reports/KEY/{name}", Body=b"{}")
    options = ("report", "--period", "2026-W09", "--out", f"{bucket.uri}/reports/{inside}")
    done = run(tmp_path, *options, allowed=(0, 1, 2, 4), **bucket.env)
    names = [item["Key"] for item in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]]
    assert done.exit_code == 2
    assert "is a published report, which never changes" in done.stderr
    assert names == ["reports/KEY/digest/report.html", "reports/KEY/manifest.json"]


def test_reports_are_not_compared_if_a_manifest_was_changed(original: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(original, tmp_path / "copy")
    text = (copy / "manifest.json").read_text(encoding="utf-8")
    (copy / "manifest.json").write_text(text.replace("Failure rate 5.0 %", "Failure rate 0.5 %"), encoding="utf-8")
    done = run(tmp_path, "report", "compare", original, copy, allowed=(0, 1, 2, 4))
    assert done.exit_code == 2
    assert "was changed after publication: says[0]. Nothing was compared." in done.stderr
