"""Which files a folder holds: linked folders too, each once, and nothing that this program wrote itself."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.events import envelope, many, write
from support.tables import command, command_json, reasons, rows

from bwp_client.errors import UsageError
from bwp_client.load import load
from bwp_client.monitoring.notify import Notice
from bwp_client.reports.attempts import log_attempt
from bwp_client.reports.notice_log import NoticeLog, NoticeState, StoredNotice
from bwp_client.reports.store import open_store
from bwp_client.sources import FileSource, off_limits, open_source
from bwp_client.warehouse import TableName, Warehouse


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with two events in each of two folders."""
    monkeypatch.chdir(tmp_path)
    for folder in ("in", "elsewhere"):
        write(tmp_path / folder / "a.json", [envelope(f"{folder}-{number}") for number in (1, 2)])
    return tmp_path


def tasks(warehouse: str = "w") -> list[str]:
    return [row[0] for row in rows(Warehouse(warehouse), TableName.EVENTS, "task_id")]


def listed(source: str) -> list[str]:
    return [item.uri.removeprefix(Path.cwd().as_uri() + "/") for item in open_source(source).objects()]


# Links


def test_a_linked_folder_is_followed(here: Path) -> None:
    (here / "in" / "more").symlink_to("../elsewhere")
    assert listed("in") == ["in/a.json", "in/more/a.json"]
    assert load(Warehouse("w"), open_source("in")).stored == 4


@pytest.mark.parametrize("target", ["in", "in/deeper", "."])
def test_a_circle_of_links_ends(target: str, here: Path) -> None:
    (here / "in" / "deeper").mkdir()
    write(here / "in" / "deeper" / "b.json", [envelope("deeper")])
    (here / "in" / "deeper" / "up").symlink_to(here / target)
    found = listed("in")
    assert [name for name in found if name.startswith("in/")][:2] == ["in/a.json", "in/deeper/b.json"]
    assert len(found) == (3 if target == "." else 2)  # by way of the working folder, `elsewhere` is reached too


def test_a_folder_that_two_links_lead_to_is_read_once(here: Path) -> None:
    for name in ("m", "n"):
        (here / "in" / name).symlink_to(here / "elsewhere")
    assert listed("in") == ["in/a.json", "in/m/a.json"]


def test_a_link_to_a_folder_beside_it_does_not_rename_its_files(here: Path) -> None:
    (here / "in" / "z").mkdir()
    write(here / "in" / "z" / "b.json", [envelope("z")])
    (here / "in" / "first").symlink_to("z")
    assert listed("in") == ["in/a.json", "in/z/b.json"]


def test_links_within_linked_folders_are_followed(here: Path) -> None:
    (here / "third").mkdir()
    write(here / "third" / "c.json", [envelope("third")])
    (here / "elsewhere" / "on").symlink_to(here / "third")
    (here / "in" / "more").symlink_to(here / "elsewhere")
    assert listed("in") == ["in/a.json", "in/more/a.json", "in/more/on/c.json"]


def test_a_linked_folder_that_is_never_read_is_named(here: Path) -> None:
    (here / ".hidden").mkdir()
    write(here / ".hidden" / "s.json", [envelope("hidden")])
    (here / "in" / "more").symlink_to(here / ".hidden")
    (here / "in" / "processes").symlink_to("/proc")
    with pytest.raises(UsageError, match=r"in/more was not read: it is hidden.*1 more objects"):
        load(Warehouse("w"), open_source("in"))
    assert tasks() == ["in-1", "in-2"]


def test_a_link_that_leads_nowhere_is_named(here: Path) -> None:
    (here / "in" / "gone.json").symlink_to(here / "nothing.json")
    (here / "in" / "self").symlink_to("self")
    with pytest.raises(
        UsageError, match=r"in/gone\.json could not be read .*a link that leads nowhere.*1 more objects"
    ):
        load(Warehouse("w"), open_source("in"))
    assert tasks() == ["in-1", "in-2"]


# Addresses


def test_a_file_has_one_address_however_its_path_is_written(here: Path) -> None:
    warehouse = Warehouse("w")
    assert load(warehouse, open_source("in/a.json")).read == 2
    for other in (
        "elsewhere/../in/a.json",
        "./in/a.json",
        f"{here}/in/a.json",
        f"file://{here}/in/../in/a.json",
        "in/..",
    ):
        assert load(warehouse, open_source(other)).read == (2 if other == "in/.." else 0), other  # elsewhere/a.json


def test_the_parent_of_a_linked_folder_is_where_the_folder_is(here: Path) -> None:
    (here / "links").mkdir()
    (here / "links" / "to-in").symlink_to(here / "in")
    assert listed("links/to-in/../elsewhere") == ["elsewhere/a.json"]


# Files that are not what they were


def test_a_file_that_is_gone_is_not_a_matter_of_permissions(here: Path) -> None:
    source = open_source("in")
    (item,) = source.objects()
    (here / "in" / "a.json").unlink()
    with pytest.raises(UsageError, match="deleted or moved after it was listed") as raised:
        source.open(item)
    assert "permission" not in str(raised.value)


def test_a_file_that_vanishes_while_its_folder_is_listed_is_no_object(here: Path) -> None:
    for number in range(3):
        write(here / "in" / f"b{number}.json", [envelope("b")])
    found = open_source("in").objects()
    next(found)
    (here / "in" / "b1.json").unlink()
    shutil.rmtree(here / "elsewhere")
    assert [Path(item.uri).name for item in found] == ["b0.json", "b2.json"]


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Return a folder with three files; permissions count for the test, whoever runs it."""
    folder = Path(tempfile.mkdtemp(prefix="bwp-test-"))
    folder.chmod(0o755)
    for name in ("a.json", "closed/b.json", "open/c.json"):
        write(folder / name, [envelope(name)])
    (folder / "closed").chmod(0)
    (folder / "open" / "c.json").chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(was)
    (folder / "closed").chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_listed_is_named(as_nobody: Path) -> None:
    source = FileSource(str(as_nobody))
    found = {Path(item.uri).name: item for item in source.objects()}
    assert sorted(found) == ["a.json", "c.json", "closed"]
    for name in ("c.json", "closed"):
        with pytest.raises(
            UsageError, match=f"{name} could not be read .Permission denied.*give it the right permissions"
        ):
            source.open(found[name])


def test_a_disk_that_fails_while_a_file_is_read_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_limits, "SYSTEM_FOLDERS", ())
    source = FileSource("/proc/self/mem")  # reading at its beginning is an error of the device
    (item,) = source.objects()
    with source.open(item) as stream, pytest.raises(UsageError, match=r"mem could not be read .*check the disk"):
        stream.read()


# Streams


@pytest.mark.parametrize("named", ["-", "/dev/stdin", "/dev/fd/0", "pipe", "/dev/null"])
@pytest.mark.parametrize("given", ["pipe", "file"])
def test_streams_are_not_read(named: str, given: str, here: Path) -> None:
    import subprocess
    import sys

    os.mkfifo(here / "pipe")
    with (here / "in" / "a.json").open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "bwp_client", "load", named], cwd=here, capture_output=True, check=False, text=True,
            **({"stdin": file} if given == "file" else {"input": "{}"}),
        )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Streams are not read" in done.stderr
    assert "write the events to a file" in done.stderr


# Our own output


def test_a_source_does_not_contain_the_warehouse_or_the_reports(here: Path) -> None:
    for number in range(3):
        write(here / "in" / "x.json", many(20 + number))
        done = command_json("load", ".", "--json", cwd=here)
        assert (done["quarantined"], done["read"] > 0) == (0, True), number
        command("report", "--force", "--period", "2026-03-20..2026-04-30", cwd=here, BWP_REPORT__BROWSER="none")
        assert list((here / "reports").glob("*/manifest.json"))
    assert reasons(Warehouse("warehouse")) == []


@pytest.mark.parametrize("kind", ["link to it", "link in it", "file address", "absolute", "home"])
def test_the_warehouse_is_recognised_by_whatever_name(kind: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(Warehouse("in/w"), open_source("elsewhere"))
    (here / "in" / "w" / "notes.json").write_text("not an event")
    named = "in/w"
    if kind == "link to it":
        (here / "w").symlink_to("in/w")
        named = "w"
    elif kind == "link in it":
        (here / "in" / "w").rename(here / "real")
        (here / "in" / "w").symlink_to(here / "real")
    elif kind == "file address":
        named = (here / "in" / "w").as_uri()
    elif kind == "absolute":
        named = str(here / "in" / "w")
    else:
        monkeypatch.setenv("HOME", str(here))
        named = "~/in/w"
    done = command_json("load", "in", "--warehouse", named, "--json", cwd=here)
    assert (done["objects"], done["read"], done["quarantined"]) == (1, 2, 0)


def test_other_tables_and_reports_are_left_out_and_named(here: Path) -> None:
    load(Warehouse("in/old"), open_source("elsewhere"))
    report = (
        "report",
        "--force",
        "--period",
        "2026-03-20..2026-05-02",
        "--warehouse",
        "in/old",
        "--out",
        "in/published",
    )
    command(*report, cwd=here, BWP_REPORT__BROWSER="none")
    done = command("load", "in", "--warehouse", "new", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "Read 2 records of 1 objects" in done.stderr
    assert f"Left out, since they hold no events: {here}/in/" in done.stderr
    assert tasks("new") == ["in-1", "in-2"]


def write_logs(folder: str) -> None:
    """Store a notice that is sent once and another one, each with a try, the second with an end; log an attempt."""
    store = open_store(folder)
    log = NoticeLog(store)
    for once in ("x", ""):
        stored = StoredNotice(Notice("No events", ("s3cr3t line",), once=once), "check")
        log.add(stored)
        log.end_try(stored, log.claim(stored) or 0, [], "refused")
    log.end(stored, NoticeState.GIVEN_UP)
    with log_attempt(store, "k"):
        pass


@pytest.mark.parametrize("source", ["in", ".", "in/published"])
def test_the_logs_beside_reports_are_left_out_and_named(source: str, here: Path) -> None:
    write_logs("in/published")
    opened = FileSource(source)
    uris = [item.uri for item in opened.objects()]
    assert not [uri for uri in uris if "/published/" in uri]
    folders = {f"{here}/in/published/{name} (reports)" for name in ("log", "notices")}
    assert set(opened.left_out) == folders


@pytest.mark.parametrize("name", ["notices", "log"])
def test_a_log_beside_reports_is_no_source_itself(name: str, here: Path) -> None:
    write_logs("in/published")
    entry = next((here / "in" / "published" / name).iterdir())
    for source in (entry.parent, entry):
        done = command("load", str(source), "--warehouse", "w", cwd=here)
        assert done.returncode == 2, done.stderr
        assert "holds tables or reports, and no events" in done.stderr
    assert not (here / "w").exists()


@pytest.mark.parametrize("name", ["notices", "log"])
def test_a_folder_of_events_with_the_name_of_a_log_is_read(name: str, here: Path) -> None:
    write(here / "in" / name / "20261103T101112Z-b.json", [envelope("b")])
    assert f"in/{name}/20261103T101112Z-b.json" in listed(".")
    assert len(listed(f"in/{name}")) == 1


def test_a_manifest_that_is_not_ours_is_no_report(here: Path) -> None:
    for text in ("[]", "broken", json.dumps({"key": "x"})):
        (here / "in" / "manifest.json").write_text(text)
        assert listed(".") == ["elsewhere/a.json", "in/a.json", "in/manifest.json"]


@pytest.mark.parametrize("source", ["w", "w/events", "w/runs/_delta_log", "reports", "link"])
def test_tables_and_reports_are_no_source_themselves(source: str, here: Path) -> None:
    load(Warehouse("w"), open_source("in"))
    (here / "reports").mkdir()
    (here / "link").symlink_to("w")
    before = sorted(path for path in here.rglob("*"))
    done = command("load", source, "--warehouse", "w", cwd=here)
    assert done.returncode == 2, done.stderr
    assert "holds tables or reports, and no events" in done.stderr
    assert sorted(path for path in here.rglob("*")) == before


def test_events_within_the_folder_of_a_warehouse_are_a_source(here: Path) -> None:
    load(Warehouse("w"), open_source("in"))
    write(here / "w" / "incoming" / "b.json", [envelope("b")])
    done = command_json("load", "w/incoming", "--warehouse", "w", "--json", cwd=here)
    assert (done["stored"], done["quarantined"]) == (1, 0)


def test_the_doctor_leaves_the_same_out(here: Path) -> None:
    load(Warehouse("in/w"), open_source("elsewhere"))
    done = command("doctor", "in", "--warehouse", "in/w", cwd=here)
    assert "holds 1 files" in done.stdout
