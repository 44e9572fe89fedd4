"""The shop's own list of requests, as a CSV file: read wholly, or refused wholly with the lines that are wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.events import MAX_ID_LENGTH, TaskKind
from bwp_client.redaction import names_a_person
from bwp_client.warehouse.schema import TABLES, TableName

SCHEMA: Final = TABLES[TableName.REQUESTS].schema
COLUMNS: Final = tuple(SCHEMA.names)
MAX_BYTES: Final = 50_000_000
MAX_NOTE_CHARACTERS: Final = 500
_MOST_PROBLEMS: Final = 20
_EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=2)
_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:~-]{{0,{MAX_ID_LENGTH - 1}}}")
_PLAIN_NAME: Final = re.compile(r"[\w ]{1,40}")


@dataclass(frozen=True, slots=True)
class RequestFile:
    """The requests of a file, one row per task.

    Attributes:
        rows: In the columns of the requests table; columns that the file does not have are empty.
        columns: The columns that the file has; the others stay as they were.
    """

    rows: pa.Table
    columns: tuple[str, ...]


class _WrongError(Exception):
    """One cell is wrong; says how."""


def read_requests(path: Path, *, zone: ZoneInfo, now: datetime) -> RequestFile:
    """Read a file of requests.

    Args:
        path: A CSV file in UTF-8 with a header; comma, semicolon or tab.
        zone: Whose day a date without a time is, and whose time one without an offset.
        now: Nothing may lie more than two days after it.

    Raises:
        SourceNotFoundError: There is no such file.
        UsageError: Something in it is wrong; names every such line, up to twenty, and never what stands there.
    """
    records = _records(_text(path))
    names = _header(records)
    problems: list[str] = []
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    lines: dict[str, int] = {}
    for line, record in records:
        if not any(cell.strip() for cell in record):
            continue
        try:
            row = _row(names, record, lines, zone, now)
        except _WrongError as wrong:
            problems.append(f"line {line}: {wrong}")
            continue
        lines[row["task_id"]] = line
        for name, values in columns.items():
            values.append(row.get(name))
    if not problems:
        problems = _circles(columns, lines)
    if problems:
        _refuse(problems)
    if not lines:
        raise UsageError(
            "The file holds no requests. Nothing was imported: put one request on each line below the header."
        )
    return RequestFile(pa.table(columns, schema=SCHEMA), tuple(name for name in names if name))


def _refuse(problems: list[str]) -> None:
    count = len(problems)
    shown = "\n".join(f"  {problem}" for problem in problems[:_MOST_PROBLEMS])
    more = f"\n  … and {count - _MOST_PROBLEMS:,} more" if count > _MOST_PROBLEMS else ""
    raise UsageError(
        f"{'A line is' if count == 1 else f'{count:,} lines are'} wrong:\n{shown}{more}\n"
        "Nothing was imported, not the other lines either. Mend them and start the command again."
    )


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"{path} is larger than {MAX_BYTES // 1_000_000} MB. Nothing was imported: cut it into parts."
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SourceNotFoundError(f"{path} does not exist. Nothing was imported.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"Line {line} is not UTF-8 text. Nothing was imported: save the file as CSV UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror}). Nothing was imported.") from None


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line it begins on."""
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error:
        raise UsageError(
            f"Line {line} is no CSV: a quotation mark is not closed, or a cell is far too long. Nothing was imported."
        ) from None


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Give the column names, as they stand; an empty name is a column to skip."""
    names = [name.strip().lower().replace(" ", "_") for name in next(records, (1, [""]))[1]]
    wanted = f"The columns are: {', '.join(COLUMNS)}; task_id must be there."
    if "task_id" not in names:
        raise UsageError(f"Line 1 names no column task_id. Nothing was imported. {wanted}")
    unknown = [name for name in names if name and name not in COLUMNS]
    if unknown:
        shown = ", ".join(name for name in unknown if _PLAIN_NAME.fullmatch(name)) or "not shown"
        raise UsageError(
            f"Line 1 names columns that are not known ({shown}). Nothing was imported: take them out, "
            f"above all whatever names a shopper. {wanted}"
        )
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise UsageError(f"Line 1 names a column twice. Nothing was imported. {wanted}")
    return names


def _row(names: list[str], record: list[str], lines: dict[str, int], zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    if len(record) > len(names) or any(cell.strip() for cell, name in zip(record, names, strict=False) if not name):
        raise _WrongError("it has more cells than the header")
    row: dict[str, Any] = {}
    for name, cell in zip(names, record, strict=False):
        if name:
            row[name] = _cell(name, cell.strip(), zone, now)
    if not row.get("task_id"):
        raise _WrongError("task_id is empty")
    if row["task_id"] in lines:
        raise _WrongError(f"the same task as in line {lines[row['task_id']]}")
    if row.get("replaced_by") == row["task_id"]:
        raise _WrongError("replaced_by is the task itself")
    received, closed = row.get("received_at"), row.get("closed_at")
    if received and closed and closed < received:
        raise _WrongError("closed_at is before received_at")
    return row


def _cell(name: str, text: str, zone: ZoneInfo, now: datetime) -> Any:
    if not text:
        return None
    if name in {"received_at", "closed_at"}:
        return _moment(name, text, zone, now)
    if name == "task_kind":
        if text.upper() not in set(TaskKind):
            raise _WrongError(f"task_kind is none of {', '.join(TaskKind)}")
        return text.upper()
    if name == "note":
        return _note(text)
    if not _ID.fullmatch(text):
        raise _WrongError(f"{name} is no ID: letters, digits and . _ : ~ - only, at most {MAX_ID_LENGTH}")
    return text


def _note(text: str) -> str:
    if names_a_person(text):
        raise _WrongError("note holds an e-mail address or a telephone number; no shopper's data may be kept here")
    if len(text) > MAX_NOTE_CHARACTERS or not text.replace("\n", " ").isprintable():
        raise _WrongError(f"note is longer than {MAX_NOTE_CHARACTERS} characters, or has some that can't be shown")
    return text


def _moment(name: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _WrongError(f"{name} is no date: write 2026-11-03 or 2026-11-03T09:00+01:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _WrongError(f"{name} is far from any date that can be meant") from None
    if not _EARLIEST <= moment <= now + _AHEAD:
        raise _WrongError(f"{name} is before {_EARLIEST.year} or in the future")
    return moment


def _circles(columns: dict[str, list[Any]], lines: dict[str, int]) -> list[str]:
    """Find tasks that replace each other in a circle."""
    later = {task: to for task, to in zip(columns["task_id"], columns["replaced_by"], strict=True) if to}
    problems = []
    done: set[str] = set()
    for start in later:
        walked: dict[str, None] = {}
        task: str | None = start
        while task is not None and task not in done and task not in walked:
            walked[task] = None
            task = later.get(task)
        if task is not None and task in walked:
            problems.append(f"line {lines[task]}: replaced_by leads in a circle back to the task itself")
        done.update(walked)
    return problems
