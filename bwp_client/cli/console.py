"""Output of the command line: one JSON object on stdout, progress and errors on stderr, exit codes by error type."""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from bwp_client.cli.clean_stderr import without_colours, write_line
from bwp_client.errors import BwpError, ExitCode
from bwp_client.stop_signals import StopSignal, stop_signals_as_interrupt

_LINE_SECONDS = 0.2
_CLOSED_PIPE = 128 + 13
"""The exit code by which shells report the signal SIGPIPE."""


def print_json(value: Any) -> None:
    """Write a JSON value to stdout, as one line."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def note(text: str, *, as_json: bool = False) -> None:
    """Write a line for people to stderr; with `--json` as a JSON line, because all lines there are JSON."""
    if as_json:
        write_line("note", text)
    else:
        sys.stderr.write(text + "\n")


class Progress:
    """Shows the progress of a command: a bar on a terminal, JSON lines with `--json`, otherwise nothing."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._bar: Any = None
        self._task: Any = None
        self._printed_at = 0.0

    def __enter__(self) -> Self:
        if not self._as_json and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"),
                TimeElapsedColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, text: str) -> None:
        """Show the progress: as JSON, at most five lines a second, and always the last line."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total or None, description=text)
        elif self._as_json:
            now = time.monotonic()
            if now - self._printed_at >= _LINE_SECONDS or done >= total:
                self._printed_at = now
                line = json.dumps({"event": "progress", "done": done, "total": total, "text": text})
                sys.stderr.write(line + "\n")
                sys.stderr.flush()


@contextmanager
def errors_as_exit_codes(*, as_json: bool) -> Iterator[None]:
    """Turn an error in the block into a message and an exit code, and note misspelt settings before it.

    Raises:
        SystemExit: With the error's exit code, or 4 for a fault of ours.
    """
    from typer import Exit

    try:
        with stop_signals_as_interrupt():
            try:
                yield
            finally:
                _note_misspelt_settings(as_json=as_json)
    except Exit:
        raise
    except BwpError as error:
        print_error(str(error), as_json=as_json)
        raise SystemExit(int(error.exit_code)) from None
    except KeyboardInterrupt as interrupt:
        print_error("Stopped. Committed data are unchanged; start the command again.", as_json=as_json)
        number = interrupt.number if isinstance(interrupt, StopSignal) else signal.SIGINT
        raise SystemExit(128 + number) from None
    except BrokenPipeError:
        # The reader of stdout went away, as in `… | head`. Results are written when all work is done.
        raise SystemExit(_CLOSED_PIPE) from None
    except Exception as error:
        from bwp_client.workarounds import cut_bytecode

        if text := cut_bytecode(error):
            print_error(text, as_json=as_json)
            raise SystemExit(int(ExitCode.INTERNAL)) from None
        print_error(
            f"A fault of ours ({type(error).__name__}). Committed data are unchanged and nothing is doubled; "
            "start the command again, and report this if it comes back.",
            as_json=as_json,
        )
        if not as_json:
            # The traceback without the text of the error, which may quote data.
            note("".join(traceback.format_tb(error.__traceback__)).rstrip())
        raise SystemExit(int(ExitCode.INTERNAL)) from error


def _note_misspelt_settings(*, as_json: bool) -> None:
    """Write a line for each variable that is probably a misspelt setting.

    Where the command has not imported the settings, as `sample`, nothing is looked for: the import would slow it down.
    """
    if "bwp_client.settings" in sys.modules:
        from bwp_client.cli.misspelt_settings import misspelt_settings

        for sentence in misspelt_settings():
            note(sentence, as_json=as_json)


def print_error(message: str, *, as_json: bool) -> None:
    """Write an error; it may quote an address as the user typed it, and logs store what is written here."""
    from bwp_client.redaction import without_users

    message = without_users(message)
    if as_json:
        write_line("error", message)
    else:
        note(without_colours(message))
