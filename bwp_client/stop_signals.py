"""Stop signals: SIGTERM and SIGHUP end a command as Ctrl-C does, so that it gives back what it holds."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

_DEFAULTS = {
    name: default
    for name, default in (
        ("SIGINT", signal.default_int_handler), ("SIGTERM", signal.SIG_DFL), ("SIGHUP", signal.SIG_DFL),
    )
    if hasattr(signal, name)
}  # fmt: skip
"""The handler of each stop signal in a new process. A container or systemd sends SIGTERM, a closed terminal SIGHUP."""
_received: list[int] = []
_has_begun = threading.Event()
"""Set by the first block."""
_FORWARDING_SECONDS = 0.2
"""The time in which another thread of this process forwards a line of JSON to stderr."""
_AGAIN_SECONDS = 0.05
"""The time in which Python leaves the code whose exceptions it ignores."""
_SAME_REQUEST_SECONDS = 0.5
"""The time in which a second stop signal is a copy of the first: `timeout` sends two, and runners pass Ctrl-C on."""
_interrupted_at: list[float] = []
"""The monotonic time of the last interrupt that counts."""


class StopSignal(KeyboardInterrupt):
    """A stop signal ended the block.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def end_at_once_on_stop_signals() -> None:
    """Let a stop signal end this process at once, with a line on stderr, while it imports, and again when its work is done.

    Without it, Python ends with a traceback on Ctrl-C. A signal that is ignored or that has a handler stays as it is.
    """
    for name, default in _DEFAULTS.items():
        number = getattr(signal, name)
        if signal.getsignal(number) is default:
            signal.signal(number, _end_at_once)


def _end_at_once(number: int, _frame: FrameType | None) -> None:
    if _is_copy():
        return  # the command has written its last line, and is ending
    as_json = "--json" in sys.argv
    text = "Stopped before anything was done; start the command again."
    if _has_begun.is_set():
        text = "Stopped at the end of the command; committed data are unchanged."
    with suppress(AttributeError, OSError, ValueError):  # stderr is closed
        line = f'{{"event": "error", "message": "{text}"}}\n' if as_json else f"{text}\n"
        os.write(sys.stderr.fileno(), line.encode())
    if as_json:
        time.sleep(_FORWARDING_SECONDS)
    os._exit(128 + number)


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
        getattr(signal, name): handler
        for name, default in _DEFAULTS.items()
        if in_main_thread and (handler := signal.getsignal(getattr(signal, name))) in (default, _end_at_once)
    }
    if ours:
        _interrupted_at.clear()
    for number in ours:
        signal.signal(number, _interrupt)
    report_unraisable = sys.unraisablehook
    if ours:
        sys.unraisablehook = partial(_interrupt_again, report_unraisable)
    _has_begun.set()
    try:
        yield
    except BaseException as error:
        if ours and _received:
            raise StopSignal(_received[0]) from error
        raise
    finally:
        if ours:
            _received.clear()
            sys.unraisablehook = report_unraisable
        for number, handler in ours.items():
            signal.signal(number, handler)


def raise_if_stopped() -> None:
    """Raise `StopSignal` if a stop signal came, for loops in which native code may have swallowed the interrupt."""
    if _received:
        raise StopSignal(_received[0])


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _is_copy():
        return  # the block is ending, and gives back what it holds
    _received.append(number)
    _interrupted_at[:] = [time.monotonic()]
    raise StopSignal(number)


def _is_copy() -> bool:
    return bool(_interrupted_at) and time.monotonic() - _interrupted_at[-1] < _SAME_REQUEST_SECONDS


def _interrupt_again(report: Callable[[sys.UnraisableHookArgs], object], unraisable: sys.UnraisableHookArgs) -> None:
    """Send the signal again where Python ignored the interrupt, as while an object is destroyed; report anything else."""
    if isinstance(unraisable.exc_value, StopSignal):
        _interrupted_at.clear()
        timer = threading.Timer(_AGAIN_SECONDS, _send_again, [unraisable.exc_value.number])
        timer.daemon = True
        timer.start()
    else:
        report(unraisable)


def _send_again(number: int) -> None:
    if _received and (main := threading.main_thread().ident):  # else the block has ended
        signal.pthread_kill(main, number)
