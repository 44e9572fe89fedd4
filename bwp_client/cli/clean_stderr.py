"""stderr without the reports of Rust's panics, and under `--json` with JSON lines only, whoever writes there."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from threading import Thread
from typing import Any, BinaryIO, Final

OPTION: Final = "--json"
_STDERR: Final = 2
_MAX_LINE_BYTES: Final = 1 << 20
_MAX_END_SECONDS: Final = 5.0
# Compiled at their first use: most commands write no line that they could match, and each start would pay for them.
_PANIC: Final = r"thread '.*' (?:\(\d+\) )?panicked at "
_BACKTRACE: Final = r"stack backtrace:|note: |\s+\d+: |\s+at "
_COLOURS: Final = r"\x1b\[[0-9;]*[A-Za-z]"


class _Stderr(TextIOWrapper):
    """stderr that may have lost its reader, as a closed terminal: what can't be written changes no work and no exit code."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def is_json_asked_for(arguments: list[str]) -> bool:
    """Return whether a command line has the option `--json`."""
    options, _, _ = "\0".join(arguments).partition("\0--\0")
    return OPTION in options.split("\0")


def run_with_json_lines(run: Callable[[], Any]) -> None:
    """Run the command line; wrong usage becomes an error line.

    Args:
        run: Runs the command line as `typer` does with `standalone_mode=False`: returns an exit code or None.

    Raises:
        SystemExit: With the exit code of the command.
    """
    from typer.exceptions import Abort, TyperException

    try:
        code = run()
    except TyperException as wrong_usage:
        write_line("error", wrong_usage.format_message())
        code = wrong_usage.exit_code
    except Abort:
        code = 130
    raise SystemExit(code or 0)


def write_line(event: str, message: str) -> None:
    """Write a JSON line to stderr."""
    sys.stderr.write(_line(event, message))
    sys.stderr.flush()


def without_colours(text: str) -> str:
    """Return a text without the codes by which libraries colour it on a terminal."""
    return re.sub(_COLOURS, "", text)


@contextmanager
def clean_stderr(*, as_json: bool) -> Iterator[None]:
    """While the block runs, leave out the reports of panics, and turn other lines into JSON objects where that is asked for.

    The lines pass through a pipe, because native code and child processes write to the file and know no hook of Python.
    Without `--json`, what Python itself writes goes directly to the file, which may be a terminal.

    Args:
        as_json: Turn each line that is no JSON object into one, with the event `log`.
    """
    end_line = os.urandom(16).hex().encode()
    try:
        original = os.dup(_STDERR)
    except OSError:  # the caller has closed stderr
        yield
        return
    reading, writing = os.pipe()
    forwarder = Thread(target=_forward, args=(reading, original, end_line), kwargs={"as_json": as_json}, daemon=True)
    python_stderr = sys.stderr
    python_stderr.flush()
    os.dup2(writing, _STDERR)
    os.close(writing)
    if not as_json:
        encoding, errors = python_stderr.encoding, python_stderr.errors
        raw = open(original, "wb", closefd=False)  # noqa: SIM115 - open until the end of the process
        sys.stderr = _Stderr(raw, encoding=encoding, errors=errors, line_buffering=True)
    forwarder.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = python_stderr
        # Child processes may hold the pipe open for longer than this process lives, so the end can't be seen by its closing.
        os.write(_STDERR, b"\n" + end_line + b"\n")
        forwarder.join(_MAX_END_SECONDS)
        os.dup2(original, _STDERR)


def _forward(reading: int, original: int, end_line: bytes, *, as_json: bool) -> None:
    with open(reading, "rb") as stream:
        for text in _without_panics(_lines(stream, end_line)):
            line = _line("log", text) if as_json and not _is_object(text) else f"{text}\n"
            # Nobody may read stderr any more; whoever writes to the pipe must not wait for that.
            with suppress(OSError):
                _write_all(original, line.encode())


def _lines(stream: BinaryIO, end_line: bytes) -> Iterator[str]:
    while line := stream.readline(_MAX_LINE_BYTES):
        if line.rstrip(b"\n") == end_line:
            return
        if text := line.decode("utf-8", "replace").rstrip():
            yield text


def _without_panics(lines: Iterator[str]) -> Iterator[str]:
    """Leave out the reports of Rust's panics: a line with a place in the source, a message, and the stack.

    The library that panicked raises an error too, and that error is reported.
    """
    for line in lines:
        text: str | None = line
        while text is not None and re.match(_PANIC, text):
            next(lines, None)
            text = next((other for other in lines if not re.match(_BACKTRACE, other)), None)
        if text is not None:
            yield text


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _line(event: str, message: str) -> str:
    return json.dumps({"event": event, "message": without_colours(message)}) + "\n"
