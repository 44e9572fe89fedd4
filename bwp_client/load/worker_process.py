"""The main function of a worker process, with all modules that it needs, imported before the workers are forked."""

from __future__ import annotations

import gc
import multiprocessing
import os
from threading import Thread
from typing import Any

from bwp_client.load.staged import StagingJob, Unreadable
from bwp_client.load.staging import stage
from bwp_client.workarounds import keep_freed_memory

_NICENESS = 3

# Imported modules stay: looking through them at the end of each process takes longer than everything else there.
gc.freeze()


def work(name: str, job: StagingJob, tasks: Any, results: Any, slots: Any) -> None:
    """Stage objects until there are no more; end with the parent process, however that ends.

    Args:
        name: The first part of the names of this worker's files.
        job: How objects are staged.
        tasks: A queue of objects; None means that there are no more.
        results: A queue for staged batches, unreadable objects, and in the end None, or the error that stopped the worker.
        slots: A semaphore that bounds the staged batches on disk.
    """
    # The parent deduplicates and writes alone, and everybody waits for it in the end: it goes first.
    os.nice(_NICENESS)
    Thread(target=_end_with_parent, daemon=True).start()
    # Rows wait by the ten thousand and none is part of a reference cycle: looking for cycles costs and finds nothing.
    gc.disable()
    keep_freed_memory()
    try:
        for result in stage(iter(tasks.get, None), job, name):
            if not isinstance(result, Unreadable):
                slots.acquire()
            results.put(result)
    except RuntimeError as error:
        results.put(error)
    else:
        results.put(None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
