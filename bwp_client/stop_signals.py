"""Stop signals: SIGTERM and SIGHUP end a command as Ctrl-C does, so that it gives back what it holds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# A container or systemd sends SIGTERM, a terminal that is closed SIGHUP.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class StopSignal(KeyboardInterrupt):
    """A signal other than SIGINT ended the block."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def stop_signals_as_interrupt() -> Iterator[None]:
    """Treat a stop signal that comes while the block runs as an interrupt, and raise `StopSignal` at its end.

    A signal that is ignored or that has a handler stays as it is. Outside the main thread, nothing changes.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # ignored in a process that a shell started in the background
            handler = signal.default_int_handler
        handler(signal.SIGINT, frame)

    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = [number for number in _SIGNALS if in_main_thread and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise StopSignal(received[0]) from None
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
