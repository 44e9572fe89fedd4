"""Runs a command as a whole process and says how long it took, how much CPU, and how much memory its tree held."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: wall and CPU seconds, and the peak memory of the process and its children, shared pages counted once."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    output: str


def run(*arguments: str, ok: tuple[int, ...] = (0,)) -> Measured:
    """Run `python ARGUMENTS` to its end.

    Raises:
        RuntimeError: It ended with an exit code that is not `ok`.
    """
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    watched = psutil.Process(process.pid)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _proportional(watched))
        time.sleep(_LOOK_SECONDS)
    wall = time.perf_counter() - started
    output = process.stdout.read() if process.stdout else ""
    if process.returncode not in ok:
        raise RuntimeError(f"{arguments} ended with {process.returncode}: {output[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, peak / 1e6, output)


def _proportional(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        return 0
    return total


def median(values: list[float]) -> float:
    """Give the median."""
    return statistics.median(values)
