"""Commands that pages start: child processes of the command line, at most one of each kind.

A job continues after reruns and after its tab was closed. It writes its progress to files, whose last lines hold its state.
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
from typing import Any, Final

import streamlit as st

from bwp_client.errors import ExitCode, UsageError
from bwp_client.sources.off_limits import SECRETS_VARIABLE

_TAIL_BYTES: Final = 8192

Options = Mapping[str, str | Sequence[str] | bool]
"""Options of a command by name without dashes. A text is the option's value, a list repeats the option, True sets a flag."""


class JobStatus(StrEnum):
    """The status of a job: running, or its result."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of the newest job of a kind.

    Attributes:
        kind: The command.
        status: Whether the job runs, or its result.
        done: The number of finished steps.
        total: The number of steps; 0 while unknown.
        text: The current step, or the error message.
        result: The JSON that the command wrote when it ended.
    """

    kind: str
    status: JobStatus
    done: int = 0
    total: int = 0
    text: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the steps that are done, 0 to 1."""
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
        self._folder: Path | None = None
        self._started = 0

    def remove_files(self) -> None:
        """Remove the files of all jobs. A running job is not stopped, but its result is lost."""
        if self._folder is not None:
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
        """Start `python -m bwp_client KIND OPTIONS --json -- ARGUMENTS`.

        No text can be read as another option or argument, whatever it contains.

        Args:
            kind: The command.
            arguments: Its arguments.
            options: Its options.
            environment: Environment variables to set for it.
            in_background: Run it at a low priority, so that pages stay fast.
            file: Text of a CSV file that becomes its first argument.

        Raises:
            UsageError: A job of this kind is running, or a text can't be an argument of a process.
        """
        with self._lock:
            job = self._jobs.get(kind)
            if job is not None and job.process.poll() is None:
                raise UsageError("It is running already; wait until it has finished.")
            self._started += 1
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="bwp-jobs-"))
            folder = self._folder
            if file is not None:
                entered = folder / f"entered-on-a-page-{self._started}.csv"
                entered.write_text(file, encoding="utf-8")
                arguments = (str(entered), *arguments)
            command = [
                *(low_priority() if in_background else []), sys.executable, "-m", "bwp_client", kind,
                *_option_arguments(options or {}), "--json", "--", *arguments,
            ]  # fmt: skip
            out, log = (folder / f"{kind}-{self._started}.{suffix}" for suffix in ("out", "log"))
            self._jobs[kind] = _Job(_start(command, out, log, environment or {}), out, log)

    def state(self, kind: str) -> JobState | None:
        """Return the state of the newest job of a kind, or None when there was none."""
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
        text = errors[-1] if errors else f"It ended with exit code {code}."
        return JobState(kind, JobStatus.FAILED, text=text.replace(f"{self._folder}{os.sep}", ""))

    def running(self) -> list[JobState]:
        """Return the states of the jobs that are running."""
        states = [self.state(kind) for kind in list(self._jobs)]
        return [state for state in states if state is not None and is_running(state)]


def is_running(state: JobState | None) -> bool:
    """Return whether a job was started and has not ended."""
    return state is not None and state.status is JobStatus.RUNNING


def low_priority() -> list[str]:
    """Return the prefix of a command line that makes the command yield the processor to others."""
    nice = shutil.which("nice")
    return [nice, "-n", "10"] if nice else []


@lru_cache(maxsize=1)
def jobs() -> Jobs:
    """Return this server's jobs."""
    return Jobs()


def _start(command: list[str], out: Path, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with out.open("wb") as out_stream, log.open("wb") as log_stream:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out_stream,
                stderr=log_stream,
                env={**os.environ, SECRETS_VARIABLE: os.pathsep.join(st.get_option("secrets.files")), **environment},
            )
        except (OSError, ValueError) as error:  # an argument is too long, or holds a NUL
            raise UsageError(
                f"It was not started: what was entered can't be handed over ({type(error).__name__}). "
                "Nothing was changed; enter less, and plain text."
            ) from error


def _option_arguments(options: Options) -> list[str]:
    """Return options as arguments `--name=value`. In this form no value can be read as another option."""
    arguments = []
    for name, value in options.items():
        if isinstance(value, bool):
            arguments += [f"--{name}"] if value else []
        else:
            arguments += [f"--{name}={text}" for text in ([value] if isinstance(value, str) else value)]
    return arguments


def _json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects on the last lines of a file; other lines are left out."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    objects = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects
