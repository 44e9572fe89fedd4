"""`import`: a file is imported whole or not at all, the newest entry wins, and two imports at once lose nothing."""

import csv
import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from support.events import PRODUCT, envelope, write
from support.failing import Failing, StoppedError
from support.overtaken import Overtaken
from support.tables import command, command_json, rows

from bwp_client.deadlines import DeadlineCalendar
from bwp_client.errors import MixedDataError, SourceNotFoundError, UsageError
from bwp_client.load import load
from bwp_client.metrics import Filters, MetricName, run_metric
from bwp_client.metrics.export import to_csv
from bwp_client.sources import open_source
from bwp_client.tasks.request_file import RequestFile, read_requests
from bwp_client.warehouse import TABLES, TableName, Warehouse, list_runs, newest_run
from bwp_client.warehouse.requests import import_requests
from bwp_client.warehouse.snapshot import Snapshot

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
COLUMNS = ("task_id", "received_at", "replaced_by", "closed_at", "note")


def file_of(folder: Path, text: str | bytes, name: str = "requests.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes) -> RequestFile:
    return read_requests(file_of(folder, text), zone=BERLIN, now=NOW)


def stored(warehouse: Warehouse) -> dict[str, tuple[object, ...]]:
    return {row[0]: row[1:] for row in rows(warehouse, TableName.REQUESTS, *COLUMNS)}


def take_in(warehouse: Warehouse, folder: Path, text: str) -> None:
    found = read(folder, text)
    import_requests(
        warehouse, found.rows, found.columns, source="requests.csv", lines=found.lines, is_worklist=found.is_worklist
    )


# Reading


def test_dates_are_the_shops_days_and_offsets_count(tmp_path: Path) -> None:
    found = read(tmp_path, "task_id,received_at\na,2026-07-01\nb,2026-07-01T09:00\nc,2026-07-01T09:00-07:00\n")
    assert found.columns == ("task_id", "received_at")
    assert [str(time) for time in found.rows.column("received_at").to_pylist()] == [
        "2026-06-30 22:00:00+00:00", "2026-07-01 07:00:00+00:00", "2026-07-01 16:00:00+00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("begin", ["sep=;", "SEP=;", '"sep=;"', "sep=;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_that_names_the_separator_is_no_header(tmp_path: Path, begin: str, end: str) -> None:
    found = read(tmp_path, end.join([begin, "task_id;note", "t-1;a, b", ""]))
    assert found.rows.column("note").to_pylist() == ["a, b"]
    with pytest.raises(UsageError, match="line 4: task_id is empty"):
        read(tmp_path, end.join([begin, "task_id;note", "t-1;a", ";b", ""]))


@pytest.mark.parametrize(("begin", "mark"), [("sep=\t", "\t"), ("sep=\\t", "\t"), ("sep=|", "|"), ("sep=,", ",")])
def test_any_separator_may_be_named(tmp_path: Path, begin: str, mark: str) -> None:
    found = read(tmp_path, f"{begin}\ntask_id{mark}note\nt-1{mark}a;b\n")
    assert found.rows.column("note").to_pylist() == ["a;b"]


@pytest.mark.parametrize(
    "name", ["task_id", "Task ID", "task-id", "TASK-ID", "taskId", "TaskId", " Task  ID ", "task\u00a0id", '="task_id"']
)
def test_a_column_may_be_named_in_any_spelling(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, f"{name};Received-At;closedAt\nt-1;2026-07-01;2026-07-02\n")
    assert found.columns == ("task_id", "received_at", "closed_at")


@pytest.mark.parametrize("cell", ['="t-1"', '"=""t-1"""', ' ="t-1" '])
def test_a_cell_that_a_spreadsheet_keeps_as_text_is_read(tmp_path: Path, cell: str) -> None:
    found = read(tmp_path, f'task_id;received_at;note\n{cell};="2026-07-01";"=""a """"b"""""""\n')
    assert found.rows.column("task_id").to_pylist() == ["t-1"]
    assert found.rows.column("received_at").to_pylist() == [datetime(2026, 6, 30, 22, tzinfo=UTC)]
    assert found.rows.column("note").to_pylist() == ['a "b"']


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_the_files_that_spreadsheets_save_are_read(tmp_path: Path, mark: str, start: bytes) -> None:
    text = f'Task ID{mark}Note\r\nt-1{mark}"called, twice; ok"\r\n\r\n'
    found = read(tmp_path, start + text.encode())
    assert found.rows.column("task_id").to_pylist() == ["t-1"]
    assert found.rows.column("note").to_pylist() == ["called, twice; ok"]


WRONG = [
    ("received_at\n2026-01-01\n", "Line 1 names no column task_id"),
    ("task_id,email\nt-1,x\n", "not known (email)"),
    ("task_id,someone@shopper.invalid\nt-1,x\n", "not known (not shown)"),
    ("task_id,note,note\nt-1,x,y\n", "twice"),
    ("task_id\n", "holds no requests"),
    ("", "no column task_id"),
    ("task_id,note\nt-1,x\n,y\n", "line 3: task_id is empty"),
    ("task_id\nt-1\nt-2\nt-1\n", "line 4: the same task as in line 2"),
    ("task_id,received_at\nt-1,3/11/2026\n", "line 2: received_at is no date"),
    ("task_id,received_at\nt-1,2027-01-01\n", "in the future"),
    ("task_id,received_at\nt-1,0001-01-01\n", "far from any date"),
    ("task_id,received_at\nt-1,2001-01-01\n", "before 2015"),
    ("task_id,received_at,closed_at\nt-1,2026-02-02,2026-02-01\n", "closed_at is before received_at"),
    ("task_id,replaced_by\nt-1,t-1\n", "the task itself"),
    ("task_id,replaced_by\nt-1,t-2\nt-2,t-3\nt-3,t-1\n", "leads in a circle"),
    ("task_id,task_kind\nt-1,ERASURE\n", "none of DELETION, RETRIEVAL"),
    ("task_id\nt 1\n", "line 2: task_id is no ID"),
    ("task_id\nsomeone@shopper.invalid\n", "line 2: task_id is no ID"),
    ("task_id,note\nt-1,x,y\n", "more cells than the header"),
    ('task_id,note\nt-1,"x\n', "Line 2 is no CSV"),
    (b"task_id\nt-1\n\xff\xfe\n", "Line 3 is not UTF-8"),
    ("task_id,note\nt-1,a\x07b\n", "can't be shown"),
    ("task_id,note\nt-1," + "x" * 501 + "\n", "longer than 500"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    assert "Nothing was imported" in str(refused.value)
    assert "shopper.invalid" not in str(refused.value)


@pytest.mark.parametrize(
    "note",
    [
        "wrote to someone@shopper.invalid", "someone(at)shopper.invalid", "someone＠shopper.invalid",
        "someone%40shopper.invalid", "called +1 206 555 0100", "tel 206-555-0100", "0049 30 1234567",
        "0170/123 45 67", "(0170) 1234567", "[030] 901820", "030 / 90 18 20", "0170.123.45.67", "0170–1234567",
        "(555)123-4567", "555/123-4567", "Tel.:01701234567", "+49 (0) 170 / 123 45 67", "+49[170]1234567",
        "someone@пример.рф", "some\u200bone\u200b@\u200bshopper.invalid", "someone%2540shopper.invalid",
    ],
)  # fmt: skip
def test_personal_data_in_a_note_are_refused_and_not_quoted(tmp_path: Path, note: str) -> None:
    with pytest.raises(UsageError, match="line 2: note holds an e-mail address or a telephone number") as refused:
        read(tmp_path, f"task_id,note\nt-1,{note}\n")
    assert "shopper" not in str(refused.value).replace("shopper's", "")
    assert "555" not in str(refused.value)


@pytest.mark.parametrize("column", ["task_id", "business_product_id", "replaced_by"])
def test_a_telephone_number_is_no_id(tmp_path: Path, column: str) -> None:
    row = {"task_id": "t-1"} | {column: "0170-1234567"}
    with pytest.raises(UsageError, match=f"line 2: {column} is a telephone number") as refused:
        read(tmp_path, f"{','.join(row)}\n{','.join(row.values())}\n")
    assert "0170" not in str(refused.value)


@pytest.mark.parametrize(
    "note",
    [
        "ticket 1234567", "closed on 2026-11-03, order 112-7654321", "see CASE-2026-11-24/3", "2026/11/30 and 30.11.2026",
        "arn:aws:sqs:eu-west-1:001234567890:queue", "arn:aws:iam::012345678901:role/x", "at 2026-11-30T09:00:00.001234+01:00",
        "00123456-0170-4123-8456-123456789012", "version 0.12.345, build 2026.11.30", "paid 1,234,567.89 EUR, +1,000.00",
        "order 302-1234567-1234567", "ends 01/02/2026", "invoice 0815/2026-11-30", "call again on 05.11.2026",
    ],
)  # fmt: skip
def test_a_ticket_or_a_date_is_no_personal_datum(tmp_path: Path, note: str) -> None:
    found = read(tmp_path, f'task_id,note\nt-1,"{note}"\n')
    assert found.rows.column("note").to_pylist() == [note]


def test_every_wrong_line_is_named_up_to_twenty(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, "task_id,received_at\n" + "".join(f"t-{n},soon\n" for n in range(25)))
    message = str(refused.value)
    assert message.startswith("25 lines are wrong")
    assert "line 21:" in message
    assert "line 22:" not in message
    assert "and 5 more" in message


def test_every_cycle_of_replacements_is_named_and_a_task_that_leads_into_one_is_not(tmp_path: Path) -> None:
    chains = "a,b\nb,a\ntail,c\nc,d\nd,e\ne,c\nfree,other\n"
    with pytest.raises(UsageError) as refused:
        read(tmp_path, f"task_id,replaced_by\n{chains}")
    assert str(refused.value).startswith("2 lines are wrong")
    assert "line 2: replaced_by leads in a circle" in str(refused.value)
    assert "line 5: replaced_by leads in a circle" in str(refused.value)


def test_a_pipe_is_read_to_the_limit_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe or a device such as /dev/zero has no size, and may never end."""
    monkeypatch.setattr("bwp_client.tasks.request_file.MAX_BYTES", 10_000)
    reading, writing = os.pipe()
    os.write(writing, b"task_id\n" + b"t-1\n" * 3_000)
    os.close(writing)
    try:
        with pytest.raises(UsageError, match="larger than"):
            read_requests(Path(f"/dev/fd/{reading}"), zone=ZoneInfo("UTC"), now=datetime.now(UTC))
    finally:
        os.close(reading)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        read_requests(tmp_path / "none.csv", zone=BERLIN, now=NOW)


# Storing


def test_the_newest_entry_wins_and_a_missing_column_stays(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    take_in(warehouse, tmp_path, "task_id,received_at,note\nt-1,2026-07-01,first\nt-2,2026-07-02,other\n")
    take_in(warehouse, tmp_path, "task_id,replaced_by,note\nt-1,t-9,\n")
    received, replaced_by, closed_at, note = stored(warehouse)["t-1"]
    assert str(received) == "2026-06-30 22:00:00+00:00"
    assert (replaced_by, closed_at, note) == ("t-9", None, None)
    assert stored(warehouse)["t-2"][3] == "other"
    assert len(stored(warehouse)) == 2


def test_the_same_file_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    text = "task_id,note\nt-1,first\nt-2,other\n"
    take_in(warehouse, tmp_path, text)
    version = warehouse.handle(TableName.REQUESTS).version()
    found = read(tmp_path, text)
    again = import_requests(warehouse, found.rows, found.columns, source="requests.csv")
    assert (again.read, again.stored, again.unchanged) == (2, 0, 2)
    assert warehouse.handle(TableName.REQUESTS).version() == version


def test_two_imports_at_once_lose_nothing(tmp_path: Path) -> None:
    uri = str(tmp_path / "w")
    take_in(Warehouse(uri), tmp_path, "task_id,note\nt-1,first\n")
    other = Overtaken(
        uri, TableName.REQUESTS, lambda: take_in(Warehouse(uri), tmp_path, "task_id,note\nt-1,second\nt-2,other\n")
    )
    found = read(tmp_path, "task_id,received_at\nt-1,2026-07-01\nt-3,2026-07-03\n")
    counts = import_requests(other, found.rows, found.columns, source="requests.csv")
    assert counts.stored == 2
    assert len(other.versions_opened) > 1  # a commit came first, so the table was opened again
    requests = stored(Warehouse(uri))
    assert sorted(requests) == ["t-1", "t-2", "t-3"]
    assert requests["t-1"][0] is not None
    assert requests["t-1"][3] == "second"


def test_an_import_stopped_before_its_run_is_seen_after_the_next_one(tmp_path: Path) -> None:
    uri = str(tmp_path / "w")
    found = read(tmp_path, "task_id\nt-1\n")
    with pytest.raises(StoppedError):
        import_requests(Failing(uri, TableName.REQUESTS, after=True), found.rows, found.columns, source="f")
    assert newest_run(Warehouse(uri)) is None
    import_requests(Warehouse(uri), found.rows, found.columns, source="f")
    run = newest_run(Warehouse(uri))
    assert run is not None
    assert run.versions["requests"] == Warehouse(uri).handle(TableName.REQUESTS).version() == 1


def test_a_run_is_recorded_with_counts_that_add_up(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    take_in(warehouse, tmp_path, "task_id,note\nt-1,first\n")
    take_in(warehouse, tmp_path, "task_id,note\nt-1,first\nt-2,other\n")
    newest, _ = list_runs(warehouse)
    assert (newest.kind, newest.source, newest.counts) == (
        "import", "requests.csv", {"read": 2, "stored": 1, "duplicate": 1},
    )  # fmt: skip


def test_sample_tasks_and_real_tasks_are_not_mixed(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    take_in(warehouse, tmp_path, "task_id\n5eed5eed-0000-8000-8000-000000000001\n")
    with pytest.raises(MixedDataError, match="Nothing was imported"):
        take_in(warehouse, tmp_path, "task_id\nt-1\n")
    assert list(stored(warehouse)) == ["5eed5eed-0000-8000-8000-000000000001"]


# The worklist, filled in


@pytest.mark.parametrize("name", [MetricName.OPEN_FAILURES, MetricName.WAITING])
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_downloaded_worklist_is_imported_with_what_was_filled_in(tmp_path: Path, name: MetricName, mark: str) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    write(tmp_path / "a.json", [envelope(task, outcome="FAILED") for task in ("t-1", "t-2")])
    load(warehouse, open_source(str(tmp_path / "a.json")))
    take_in(warehouse, tmp_path, "task_id,received_at,note\nt-2,2026-04-02,called\nt-3,2026-04-03,\nt-4,2026-04-04,\n")
    frame = run_metric(
        Snapshot.newest(warehouse), name, Filters(datetime(2026, 1, 1, tzinfo=UTC), NOW), calendar=DeadlineCalendar()
    )
    lines = [*csv.DictReader(io.StringIO(to_csv(frame.assign(product="Outdoor shop"))))]
    lines[0]["replaced_by"] = "t-9"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), delimiter=mark)
    writer.writeheader()
    writer.writerows(lines)
    before = stored(warehouse)
    take_in(warehouse, tmp_path, text.getvalue())
    changed = lines[0]["task_id"]
    received, _, closed, note = before.get(changed, (None,) * 4)
    others = {task: row for task, row in stored(warehouse).items() if task in before and task != changed}
    assert stored(warehouse)[changed] == (received, "t-9", closed, note)
    assert others == {task: row for task, row in before.items() if task != changed}


def worklist_of(warehouse: Warehouse) -> str:
    filters = Filters(datetime(2026, 1, 1, tzinfo=UTC), NOW)
    return to_csv(
        run_metric(Snapshot.newest(warehouse), MetricName.OPEN_FAILURES, filters, calendar=DeadlineCalendar())
    )


def test_a_worklist_clears_nothing_that_came_after_its_download(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    write(tmp_path / "a.json", [envelope(task, outcome="FAILED") for task in ("t-1", "t-2")])
    load(warehouse, open_source(str(tmp_path / "a.json")))
    downloaded = worklist_of(warehouse)
    take_in(warehouse, tmp_path, "task_id,received_at,closed_at,note\nt-1,2026-04-01,2026-04-20,paid\n")
    before = stored(warehouse)
    take_in(warehouse, tmp_path, downloaded)
    assert stored(warehouse) == before  # and t-2, of which nothing was filled in, is no request
    take_in(warehouse, tmp_path, "task_id,closed_at,note\nt-1,,paid\n")  # a list of one's own clears
    assert stored(warehouse)["t-1"] != before["t-1"]


def test_a_receipt_that_a_task_has_of_the_one_it_replaced_does_not_become_its_own(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "w"))
    write(tmp_path / "a.json", [envelope(task, outcome="FAILED") for task in ("t-1", "t-2", "t-3")])
    load(warehouse, open_source(str(tmp_path / "a.json")))
    take_in(warehouse, tmp_path, "task_id,received_at,replaced_by\nt-1,2026-04-01,t-2\nt-2,,t-3\n")
    downloaded = worklist_of(warehouse)
    assert "2026-03-31T22:00:00+00:00" in downloaded  # t-3 is shown with the receipt of t-1
    take_in(warehouse, tmp_path, downloaded)
    assert "t-3" not in stored(warehouse)
    rows = [*csv.DictReader(io.StringIO(downloaded))]
    (last,) = (row for row in rows if row["task_id"] == "t-3")
    last["received_at"] = "2026-04-09"  # the same task with a receipt of its own
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    take_in(warehouse, tmp_path, text.getvalue())
    assert datetime(2026, 4, 8, 22, tzinfo=UTC) in stored(warehouse)["t-3"]


def test_a_worklist_takes_kind_and_product_from_the_events(tmp_path: Path) -> None:
    found = read(tmp_path, "task_id,state,task_kind,business_product_id,closed_at\nt-1,open,x y,shop 1,2026-04-02\n")
    assert found.columns == ("task_id", "closed_at")
    assert found.skipped == ("state", "task_kind", "business_product_id")


def test_columns_of_the_worklist_are_named_and_any_other_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, "task_id,State,Days left,closed_at,product\nt-1,open,3,2026-04-02,Outdoor shop\n")
    assert found.columns == ("task_id", "closed_at")
    assert found.skipped == ("state", "days_left", "product")
    with pytest.raises(UsageError, match=r"not known \(shopper\)"):
        read(tmp_path, "task_id,state,shopper\nt-1,open,x\n")
    with pytest.raises(UsageError, match="line 2: it has more cells"):
        read(tmp_path, "task_id,state\nt-1,open,x\n")


# The command


def test_the_command_names_the_columns_that_it_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [envelope("t-1", outcome="FAILED")])
    command_json("load", "a.json", "--json", cwd=tmp_path)
    done = command("metric", "open_failures", "--from", "2020-01-01", "--format", "csv", cwd=tmp_path)
    file_of(tmp_path, done.stdout, "worklist.csv")
    done = command("import", "worklist.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "These columns of the worklist were skipped: state, deadline, " in done.stderr


def test_the_command_imports_and_refuses(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [envelope("t-1", outcome="FAILED")])
    command_json("load", "a.json", "--json", cwd=tmp_path)
    file_of(tmp_path, "task_id,received_at\nt-1,2026-04-01\n")
    assert command_json("import", "requests.csv", "--json", cwd=tmp_path) == {"read": 1, "stored": 1, "unchanged": 0}
    file_of(tmp_path, "task_id,note\nt-2,ok\nt-3,someone@shopper.invalid\n")
    done = command("import", "requests.csv", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 3" in json.loads(done.stderr)["message"]
    assert "shopper.invalid" not in done.stderr
    assert list(stored(Warehouse(str(tmp_path / "warehouse")))) == ["t-1"]


# What was imported before


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["a,b"], "b,a"),
        (["a,b", "b,c"], "c,a"),
        (["a,b"], "x,a\nb,x"),
        (["b,c\nc,d"], "free,other\nd,b"),
    ],
)
def test_a_circle_with_earlier_imports_is_refused_with_its_line(tmp_path: Path, before: list[str], text: str) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for earlier in before:
        take_in(warehouse, tmp_path, f"task_id,replaced_by\n{earlier}\n")
    held = stored(warehouse)
    with pytest.raises(UsageError) as refused:
        take_in(warehouse, tmp_path, f"task_id,replaced_by\n{text}\n")
    line = 3 if "free" in text else 2
    assert f"line {line}: with what was imported before, replaced_by leads in a circle" in str(refused.value)
    assert "Nothing was imported" in str(refused.value)
    assert stored(warehouse) == held


def test_a_circle_in_capitals_is_one_too(tmp_path: Path) -> None:
    one, two = "0b6f7c1e-3a52-4e0b-9d52-6c6f0a1b2c3d", "1b6f7c1e-3a52-4e0b-9d52-6c6f0a1b2c3d"
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    take_in(warehouse, tmp_path, f"task_id,replaced_by\n{one},{two.upper()}\n")
    with pytest.raises(UsageError, match="circle"):
        take_in(warehouse, tmp_path, f"task_id,replaced_by\n{two},{one.upper()}\n")
    with pytest.raises(UsageError, match="line 2: replaced_by is the task itself"):
        read(tmp_path, f"task_id,replaced_by\n{one},{one.upper()}\n")


def test_a_circle_that_the_file_opens_is_none(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    take_in(warehouse, tmp_path, "task_id,replaced_by\na,b\n")
    take_in(warehouse, tmp_path, "task_id,replaced_by\nb,a\na,\n")
    assert {task: row[1] for task, row in stored(warehouse).items()} == {"a": None, "b": "a"}


@pytest.mark.parametrize(
    ("before", "text", "message"),
    [
        ("received_at\na,2026-05-10", "closed_at\na,2026-05-09", "closed_at is before the received_at"),
        ("closed_at\na,2026-05-09", "received_at\na,2026-05-10", "received_at is after the closed_at"),
    ],
)
def test_closed_before_an_earlier_receipt_is_refused_with_its_line(
    tmp_path: Path, before: str, text: str, message: str
) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    take_in(warehouse, tmp_path, f"task_id,{before}\n")
    held = stored(warehouse)
    with pytest.raises(UsageError, match=f"line 2: {message} that was imported before"):
        take_in(warehouse, tmp_path, f"task_id,{text}\n")
    assert stored(warehouse) == held


def test_contradictions_stored_before_stop_no_other_import(tmp_path: Path) -> None:
    """An older release stored them."""
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    warehouse.create()
    names = TABLES[TableName.REQUESTS].schema
    odd = [
        {"task_id": "a", "received_at": NOW, "closed_at": NOW - timedelta(days=1)},
        {"task_id": "b", "replaced_by": "c"},
        {"task_id": "c", "replaced_by": "b"},
    ]
    warehouse.commit(TableName.REQUESTS, lambda _: pa.Table.from_pylist(odd, schema=names), app_id="older release")
    take_in(warehouse, tmp_path, "task_id,note\na,x\nb,y\n")
    take_in(warehouse, tmp_path, "task_id,replaced_by\nd,b\n")
    assert {task: row[-1] for task, row in stored(warehouse).items()} == {"a": "x", "b": "y", "c": None, "d": None}


def test_import_says_how_many_tasks_have_no_event(tmp_path: Path) -> None:
    event = write(tmp_path / "in.json", [envelope("a", outcome="FAILED")])
    command_json("load", event, "--json", cwd=tmp_path)
    path = file_of(tmp_path, "task_id\na\nb\nc\n")
    done = command("import", path, cwd=tmp_path)
    assert "2 of them name a task without any event so far" in done.stderr
    done = command("import", path, "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"read": 3, "stored": 0, "unchanged": 3}
    (note,) = map(json.loads, done.stderr.splitlines())
    assert note["message"].startswith("2 of them")


def test_import_says_which_requests_contradict_the_events(tmp_path: Path) -> None:
    events = [envelope("a", outcome="FAILED"), envelope("b"), envelope("c"), envelope("d", kind="RETRIEVAL")]
    command_json("load", write(tmp_path / "in.json", events), "--json", cwd=tmp_path)
    text = (
        "task_id,task_kind,business_product_id\n"
        f"a,DELETION,{PRODUCT}\nb,RETRIEVAL,\nc,,bp-other\nd,DELETION,bp-other\nunknown,RETRIEVAL,bp-other\n"
    )
    done = command("import", file_of(tmp_path, text), cwd=tmp_path)
    assert done.returncode == 0
    assert (
        "3 of them name another task_kind or business product than the events of their task: in line 3 the task_kind is "
        "RETRIEVAL, and the events say DELETION." in done.stderr
    )
    agreeing = command(
        "import", file_of(tmp_path, f"task_id,business_product_id\na,{PRODUCT.upper()}\nd,\n"), cwd=tmp_path
    )
    assert "name another" not in agreeing.stderr


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_file_in_wide_codes_is_named_as_that(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError, match=r"is text in UTF-16 or UTF-32.*save the file as CSV UTF-8"):
        read(tmp_path, "task_id,received_at\nt-1,2026-05-01\n".encode(encoding))
