"""The command line in processes that start quickly and wait shortly, for tests that run and kill many at once."""

import multiprocessing
import os
import sys
from datetime import timedelta
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock

RETENTION_SECONDS = 60
"""How long `maintain` keeps what was replaced, in place of hours."""
CLOCK_BEHIND_DAYS = "CHAOS_CLOCK_BEHIND_DAYS"
"""The environment variable by which the clock of a load is so many days behind: it refuses newer events."""
_ONE_READER = Lock()
"""Held while an exit code may be read, as the start of another process does too: the second of two readers gets 255."""
_PRELOADED = (
    "bwp_client.cli.app", "bwp_client.enrich", "bwp_client.load.archive", "bwp_client.load.quarantine_retry",
    "bwp_client.monitoring.status", "bwp_client.reports.publish", "bwp_client.tasks.request_file",
    "bwp_client.warehouse.maintenance", "bwp_client.warehouse.purge", "boto3", "stamina.instrumentation",
)  # fmt: skip


def prepared_context() -> ForkServerContext:
    """Return what starts processes that have imported the product already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


def start(
    context: ForkServerContext, arguments: list[str], *, folder: Path, env: dict[str, str], said: Path
) -> BaseProcess:
    """Start a command; what it writes goes to two files that end in `.out` and `.err`."""
    process = context.Process(target=_run_command, args=(arguments, folder, env, said))
    with _ONE_READER:
        process.start()
    return process


def exit_code(process: BaseProcess, seconds: float) -> int | None:
    """Wait for a process to end, and return its exit code; None if it still runs."""
    if not wait([process.sentinel], seconds):
        return None
    with _ONE_READER:
        return process.exitcode


def _run_command(arguments: list[str], folder: Path, env: dict[str, str], said: Path) -> None:
    for number, ending in ((1, "out"), (2, "err")):
        with Path(f"{said}.{ending}").open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["bwp", *arguments]
    _quicken(arguments[0], arguments[1] if len(arguments) > 1 else "")
    from bwp_client.__main__ import run

    run()


def _quicken(command: str, source: str) -> None:
    """Shorten what the command waits for, and set the clock of a load back if the environment says so."""
    if command == "load" and source.startswith("archive://"):
        from bwp_client.load import archive

        archive.ArchiveTiming = partial(  # type: ignore[misc, assignment]
            archive.ArchiveTiming, poll_seconds=0, settle_seconds=0.5, status_seconds=0.1, stall_seconds=240,
            batch_messages=20, batch_seconds=0.3, visibility_seconds=5, foreign_seconds=0.1,
        )  # fmt: skip
    elif command == "load" and CLOCK_BEHIND_DAYS in os.environ:
        from bwp_client.load import pipeline

        pipeline.FUTURE_TOLERANCE = -timedelta(days=int(os.environ[CLOCK_BEHIND_DAYS]))  # type: ignore[misc]
    elif command == "enrich":
        import bwp_client.enrich as enriching

        enriching.EnrichOptions = partial(  # type: ignore[misc, assignment]
            enriching.EnrichOptions, lease=timedelta(seconds=15), batch_answers=5
        )
    elif command == "maintain":
        from bwp_client.warehouse import maintenance

        maintenance.timedelta = lambda **_hours: timedelta(seconds=RETENTION_SECONDS)  # type: ignore[assignment]
