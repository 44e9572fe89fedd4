"""The standard streams of the command line: closed ones are opened, and a failure of stdout is named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final

from bwp_client.errors import BwpError

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class OutputError(BwpError, OSError):
    """Stdout can't be written, as on a full disk. A closed pipe is no such error: its reader has read all that it wanted."""


class _Stdout(TextIOWrapper):
    def write(self, text: str, /) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"Standard output can't be written: {error.strerror}. What the command stored before stays. "
            "Make room there, or name another file, and start the command again."
        ) from error


def prepare_streams() -> None:
    """Open the null device in the place of each standard stream that the caller has closed; make stdout raise `OutputError`.

    Otherwise the next file that is opened gets the number of a closed stream, and what a library prints is written into it.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    out = sys.stdout
    if type(out) is TextIOWrapper:
        form = {"encoding": out.encoding, "errors": out.errors}
        lines, through = out.line_buffering, out.write_through
        sys.stdout = _Stdout(out.detach(), **form, line_buffering=lines, write_through=through)
