"""What a worker process runs, and all that it needs, imported before the workers are forked."""

from __future__ import annotations

import gc
import multiprocessing
import os
from threading import Thread
from typing import Any

from bwp_client.load import staging as _stage  # noqa: F401 - imported here, before the workers are forked
from bwp_client.load.staged import Unreadable
from bwp_client.load.workers import staged
from bwp_client.workarounds import keep_freed_memory

_NICE = 3

# What is imported stays: looking through it at each end of a process takes longer than all else there.
gc.freeze()


def work(name: str, tasks: Any, results: Any, slots: Any) -> None:
    """Stage objects until there are no more; end with the parent process, however that ends."""
    # The parent deduplicates and writes alone: what it does not get, everybody waits for in the end.
    os.nice(_NICE)
    Thread(target=_end_with_parent, daemon=True).start()
    # Rows wait by the ten thousand and none is part of a cycle, so looking for cycles costs and finds nothing.
    gc.disable()
    keep_freed_memory()
    try:
        for made in staged(iter(tasks.get, None), name):
            if not isinstance(made, Unreadable):
                slots.acquire()
            results.put(made)
    except RuntimeError as error:
        results.put(error)
    else:
        results.put(None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
