"""Work started from a page: a child process of the command line, at most one of a kind.

It outlives reruns and closed tabs. Its output goes to files, and what is known of it is read from their last lines.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bwp_client.errors import ExitCode, UsageError

_TAIL_BYTES = 8192


Options = Mapping[str, str | Sequence[str] | bool]
"""Options of a command by name without dashes: a text is its value, several texts repeat it, True sets a flag."""


class JobStatus(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of the newest job of a kind."""

    kind: str
    status: JobStatus
    done: int = 0
    total: int = 0
    text: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


@dataclass(slots=True)
class _Job:
    process: subprocess.Popen[bytes]
    out: Path
    log: Path


class Jobs:
    """The jobs of this server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._folder = Path(mkdtemp(prefix="bwp-jobs-"))
        self._started = 0

    def forget(self) -> None:
        """Remove what jobs wrote; one that still runs goes on, and nobody is told of it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(
        self,
        kind: str,
        *arguments: str,
        options: Options | None = None,
        environment: Mapping[str, str] | None = None,
        in_background: bool = False,
        file: str | None = None,
    ) -> None:
        """Start `python -m bwp_client KIND OPTIONS --json -- ARGUMENTS`; in the background it yields to who looks at pages.

        Whatever a text holds, it stays the argument or the option's value that it was given as.

        Args:
            kind: The command.
            arguments: Its arguments.
            options: Its options.
            environment: Variables to set for it.
            in_background: Let others have the processor first.
            file: Text of a CSV file to give it as its first argument.

        Raises:
            UsageError: One of this kind is running, or a text can't be an argument of a process.
        """
        with self._lock:
            job = self._jobs.get(kind)
            if job is not None and job.process.poll() is None:
                raise UsageError("It is running already; wait until it has finished.")
            self._started += 1
            out, log = (self._folder / f"{kind}-{self._started}.{suffix}" for suffix in ("out", "log"))
            if file is not None:
                entered = self._folder / f"entered-on-a-page-{self._started}.csv"
                entered.write_text(file, encoding="utf-8")
                arguments = (str(entered), *arguments)
            command = [sys.executable, "-m", "bwp_client", kind, *_written(options or {}), "--json", "--", *arguments]
            with out.open("wb") as out_stream, log.open("wb") as log_stream:
                try:
                    process = subprocess.Popen(
                        [*(yielding() if in_background else []), *command],
                        stdin=subprocess.DEVNULL,
                        stdout=out_stream,
                        stderr=log_stream,
                        env={**os.environ, **(environment or {})},
                    )
                except (OSError, ValueError) as error:  # too long, or a NUL in it
                    raise UsageError(
                        f"It was not started: what was entered can't be handed over ({type(error).__name__}). "
                        "Nothing was changed; enter less, and plain text."
                    ) from error
            self._jobs[kind] = _Job(process, out, log)

    def state(self, kind: str) -> JobState | None:
        """Tell where the newest job of a kind stands; none when there was none."""
        with self._lock:
            job = self._jobs.get(kind)
        if job is None:
            return None
        code = job.process.poll()
        lines = _json_lines(job.log)
        if code is None:
            progress: dict[str, Any] = next((line for line in reversed(lines) if line.get("event") == "progress"), {})
            return JobState(
                kind,
                JobStatus.RUNNING,
                int(progress.get("done", 0)),
                int(progress.get("total", 0)),
                str(progress.get("text", "starting")),
            )
        results = _json_lines(job.out)
        if code in (ExitCode.DONE, ExitCode.NEEDS_ATTENTION) and results:
            return JobState(kind, JobStatus.DONE, 1, 1, "finished", results[-1])
        errors = [str(line["message"]) for line in lines if line.get("event") == "error"]
        return JobState(kind, JobStatus.FAILED, text=errors[-1] if errors else f"It ended with exit code {code}.")

    def running(self) -> list[JobState]:
        """Give the jobs that are running."""
        states = [self.state(kind) for kind in list(self._jobs)]
        return [state for state in states if state is not None and state.status is JobStatus.RUNNING]


def yielding() -> list[str]:
    """Give what to put before a command so that it gets the processor only when others leave it."""
    nice = shutil.which("nice")
    return [nice, "-n", "10"] if nice else []


def _written(options: Options) -> list[str]:
    """Return options as arguments; name and value are one, so that no value is taken for an option."""
    written = []
    for name, value in options.items():
        if isinstance(value, bool):
            written += [f"--{name}"] if value else []
        else:
            written += [f"--{name}={text}" for text in ([value] if isinstance(value, str) else value)]
    return written


@lru_cache(maxsize=1)
def jobs() -> Jobs:
    """Give this server's jobs."""
    return Jobs()


def _json_lines(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
