"""How this process deals with memory that it has freed."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 256 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep freed blocks for the next ones instead of handing them back to the system.

    A loader asks for the same few megabytes again and again, and the kernel clears each page anew: a twentieth of its CPU
    time. Only glibc has this; elsewhere nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def hand_back_freed_memory() -> None:
    """Hand all freed blocks back, before something else needs as much of another kind."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
