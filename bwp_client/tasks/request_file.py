"""Reads the shop's requests from a CSV file with the columns of the requests table (`warehouse/schema.py`).

If any line is wrong, no request is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.events import MAX_ID_LENGTH, TaskKind
from bwp_client.ids import normal_id
from bwp_client.redaction import names_a_person
from bwp_client.warehouse.requests import CIRCLE, replacement_circles, wrong_lines
from bwp_client.warehouse.schema import TABLES, TableName

SCHEMA: Final = TABLES[TableName.REQUESTS].schema
COLUMNS: Final = tuple(SCHEMA.names)
MAX_BYTES: Final = 50_000_000
MAX_NOTE_CHARACTERS: Final = 500
_EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_MAX_FUTURE: Final = timedelta(days=2)
_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:~-]{{0,{MAX_ID_LENGTH - 1}}}")
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(\\t|[^\w\s"]|\t)"?[ \t;,]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""The first line by which a spreadsheet learns the separator."""
_TEXT_FORMULA: Final = re.compile(r'^\s*="((?:[^"]|"")*)"\s*$')
"""A cell by which a spreadsheet keeps a text from becoming a number."""
_COLUMNS_BY_LETTERS: Final[dict[str, str]] = {name.replace("_", ""): name for name in COLUMNS}
_OF_EVENTS: Final = ("task_kind", "business_product_id")
"""The columns of a worklist that the product has filled in itself, from events, lookups and earlier requests."""
_HARMLESS_NAME: Final = re.compile(r"[\w ]{1,40}")


@dataclass(frozen=True, slots=True)
class RequestFile:
    """The requests of a file, one row per task.

    Attributes:
        rows: The requests in the columns of the requests table; null in columns that the file does not have.
        columns: The columns that the file has. The other columns of a stored request keep their values.
        lines: The line of each task in the file.
        skipped: The columns that a downloaded worklist has beside those of the requests table.
    """

    rows: pa.Table
    columns: tuple[str, ...]
    lines: dict[str, int]
    skipped: tuple[str, ...] = ()

    @property
    def is_worklist(self) -> bool:
        """True if the file is a downloaded worklist."""
        return bool(self.skipped)


class _LineError(Exception):
    """A line is wrong. The message says why, and never quotes a cell, because it may hold personal data."""


def read_requests(path: Path, *, zone: ZoneInfo, now: datetime) -> RequestFile:
    """Read a file of requests.

    Args:
        path: A CSV file in UTF-8 with a header, separated by comma, semicolon or tab; a first line such as `sep=;` names
            the separator.
        zone: The time zone of dates, and of times without an offset.
        now: The current time; no time in the file may be more than two days later.

    Raises:
        SourceNotFoundError: The file does not exist.
        UsageError: The file is wrong, or has a column that neither the requests table nor a worklist has. The message names
            up to twenty lines, and never quotes a cell.
    """
    records = _records(_text(path))
    names = _header(records)
    skipped = tuple(name for name in names if name and name not in COLUMNS)
    if skipped:  # a downloaded worklist
        skipped += tuple(name for name in names if name in _OF_EVENTS)
    given = tuple(name for name in names if name in COLUMNS and name not in skipped)
    problems: list[tuple[int, str]] = []
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    lines: dict[str, int] = {}
    for line, record in records:
        if not any(cell.strip() for cell in record):
            continue
        try:
            row = _row(names, given, record, lines, zone, now)
        except _LineError as error:
            problems.append((line, str(error)))
            continue
        lines[row["task_id"]] = line
        for name, values in columns.items():
            values.append(row.get(name))
    if not problems:
        later_of = {
            task: later for task, later in zip(columns["task_id"], columns["replaced_by"], strict=True) if later
        }
        problems = [(min(lines[task] for task in circle), CIRCLE) for circle in replacement_circles(later_of)]
    if problems:
        raise wrong_lines(problems)
    if not lines:
        raise UsageError(
            "The file holds no requests. Nothing was imported: put one request on each line below the header."
        )
    return RequestFile(pa.table(columns, schema=SCHEMA), given, lines, skipped)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)  # a pipe or a device has no size, and may never end
        if len(data) > MAX_BYTES:
            raise UsageError(
                f"{path} is larger than {MAX_BYTES // 1_000_000} MB. Nothing was imported: cut it into parts."
            )
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise SourceNotFoundError(f"{path} does not exist. Nothing was imported.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"Line {line} is not UTF-8 text. Nothing was imported: save the file as CSV UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror}). Nothing was imported.") from None
    if "\0" in text:
        raise UsageError(
            f"{path} is text in UTF-16 or UTF-32, a spreadsheet, or no text at all. Nothing was imported: save the file as "
            "CSV UTF-8."
        )
    return text


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line, cells of the form `="text"` as their text."""
    named = _SEPARATOR_LINE.match(text)
    begin = named.end() if named else 0
    first = text[begin:].partition("\n")[0]
    separator = (named[1].replace("\\t", "\t")) if named else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text[begin:], newline=""), delimiter=separator, strict=True)
    line = skipped = 2 if named else 1
    try:
        for record in reader:
            yield line, [_TEXT_FORMULA.sub(_text_of_formula, cell) for cell in record]
            line = reader.line_num + skipped
    except csv.Error:
        raise UsageError(
            f"Line {line} is no CSV: a quotation mark is not closed, or a cell is far too long. Nothing was imported."
        ) from None


def _text_of_formula(formula: re.Match[str]) -> str:
    return str(formula[1]).replace('""', '"')


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Return the names of all columns of the file; an empty name is a column to skip."""
    line, cells = next(records, (1, [""]))
    names = [_column_of(cell) for cell in cells]
    allowed = f"The columns are: {', '.join(COLUMNS)}; task_id must be there."
    if "task_id" not in names:
        raise UsageError(f"Line {line} names no column task_id. Nothing was imported. {allowed}")
    if unknown := [name for name in names if name and name not in COLUMNS and name not in _columns_of_worklist()]:
        shown = ", ".join(name for name in unknown if _HARMLESS_NAME.fullmatch(name)) or "not shown"
        raise UsageError(
            f"Line {line} names columns that are not known ({shown}). Nothing was imported: remove them, "
            f"above all any that names a shopper. {allowed}"
        )
    used = [name for name in names if name]
    if len(set(used)) < len(used):
        raise UsageError(f"Line {line} names a column twice. Nothing was imported. {allowed}")
    return names


def _columns_of_worklist() -> set[str]:
    """Return the columns of a downloaded worklist. The product wrote them, so none of them can name a shopper."""
    from bwp_client.metrics.worklist import OPEN_COLUMNS, WAITING_COLUMNS  # imports pandas, which takes a while

    return {*OPEN_COLUMNS, *WAITING_COLUMNS, "product"}


def _column_of(cell: str) -> str:
    """Return the column that a cell of the header names in any spelling, such as `Task ID` or `task-id`."""
    letters = "".join(filter(str.isalnum, cell)).lower()
    return _COLUMNS_BY_LETTERS.get(letters, cell.strip().lower().replace(" ", "_"))


def _row(
    names: list[str],
    given: Collection[str],
    record: list[str],
    lines: dict[str, int],
    zone: ZoneInfo,
    now: datetime,
) -> dict[str, Any]:
    if len(record) > len(names) or any(cell.strip() for cell, name in zip(record, names, strict=False) if not name):
        raise _LineError("it has more cells than the header")
    row: dict[str, Any] = {}
    for name, cell in zip(names, record, strict=False):
        if name in given:
            row[name] = _cell(name, cell.strip(), zone, now)
    if not row.get("task_id"):
        raise _LineError("task_id is empty")
    if row["task_id"] in lines:
        raise _LineError(f"the same task as in line {lines[row['task_id']]}")
    if row.get("replaced_by") == row["task_id"]:
        raise _LineError("replaced_by is the task itself")
    received, closed = row.get("received_at"), row.get("closed_at")
    if received and closed and closed < received:
        raise _LineError("closed_at is before received_at")
    return row


def _cell(name: str, text: str, zone: ZoneInfo, now: datetime) -> Any:
    if not text:
        return None
    if name in {"received_at", "closed_at"}:
        return _time(name, text, zone, now)
    if name == "task_kind":
        if text.upper() not in set(TaskKind):
            raise _LineError(f"task_kind is none of {', '.join(TaskKind)}")
        return text.upper()
    if name == "note":
        return _note(text)
    if not _ID.fullmatch(text):
        raise _LineError(f"{name} is no ID: letters, digits and . _ : ~ - only, at most {MAX_ID_LENGTH}")
    if names_a_person(text):
        raise _LineError(f"{name} is a telephone number; no shopper's data may be kept here")
    return normal_id(text)


def _note(text: str) -> str:
    if names_a_person(text):
        raise _LineError("note holds an e-mail address or a telephone number; no shopper's data may be kept here")
    if len(text) > MAX_NOTE_CHARACTERS or not text.replace("\n", " ").isprintable():
        raise _LineError(f"note is longer than {MAX_NOTE_CHARACTERS} characters, or has some that can't be shown")
    return text


def _time(name: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _LineError(f"{name} is no date: write 2026-11-03 or 2026-11-03T09:00+01:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _LineError(f"{name} is far from any date that can be meant") from None
    if not _EARLIEST <= moment <= now + _MAX_FUTURE:
        raise _LineError(f"{name} is before {_EARLIEST.year} or in the future")
    return moment
