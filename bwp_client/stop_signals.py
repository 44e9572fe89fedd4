"""Stop signals: SIGTERM and SIGHUP end a command as Ctrl-C does, so that it gives back what it holds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_DEFAULTS = {
    name: default
    for name, default in (
        ("SIGINT", signal.default_int_handler), ("SIGTERM", signal.SIG_DFL), ("SIGHUP", signal.SIG_DFL),
    )
    if hasattr(signal, name)
}  # fmt: skip
"""The handler of each stop signal in a new process. A container or systemd sends SIGTERM, a closed terminal SIGHUP."""
_received: list[int] = []


class StopSignal(KeyboardInterrupt):
    """A stop signal ended the block.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stop_signals_as_interrupt() -> Iterator[None]:
    """Interrupt the block when a stop signal comes, and raise `StopSignal` at its end.

    The signal decides, not the exception: native code turns an interrupt into errors of its own, such as DuckDB's
    `RuntimeError("Query interrupted")`. A signal that is ignored or that has a handler stays as it is. Outside the main
    thread, nothing changes.

    Raises:
        StopSignal: A stop signal came, and the block raised an exception.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = {
        getattr(signal, name): default
        for name, default in _DEFAULTS.items()
        if in_main_thread and signal.getsignal(getattr(signal, name)) is default
    }
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    except BaseException as error:
        if ours and _received:
            raise StopSignal(_received[0]) from error
        raise
    finally:
        if ours:
            _received.clear()
        for number, default in ours.items():
            signal.signal(number, default)


def raise_if_stopped() -> None:
    """Raise `StopSignal` if a stop signal came, for loops in which native code may have swallowed the interrupt."""
    if _received:
        raise StopSignal(_received[0])


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    _received.append(number)
    raise StopSignal(number)
