"""Runs a command in its own process and measures wall time, CPU time and the memory of the process tree."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: wall and CPU seconds, and the peak memory of the process and its children, shared pages counted once.

    What is used after the last look, a quarter of a second before the end at most, is not counted as CPU or memory.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    output: str


def run(*arguments: str, ok: tuple[int, ...] = (0,)) -> Measured:
    """Run `python ARGUMENTS` to its end.

    Raises:
        RuntimeError: It ended with an exit code that is not `ok`.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    watched = psutil.Process(process.pid)
    peak = 0
    cpu: dict[int, float] = {}
    while True:
        peak = max(peak, _look(watched, cpu))
        try:
            process.wait(_LOOK_SECONDS)  # no longer than it takes, for some take but a second
        except subprocess.TimeoutExpired:
            continue
        break
    wall = time.perf_counter() - started
    output = process.stdout.read() if process.stdout else ""
    if process.returncode not in ok:
        raise RuntimeError(f"{arguments} ended with {process.returncode}: {output[-500:]}")
    return Measured(wall, sum(cpu.values()), peak / 1e6, output)


def _look(process: psutil.Process, cpu: dict[int, float]) -> int:
    """Return the memory of a process and its children in bytes, and record the CPU time of each."""
    total = 0
    try:
        family = (process, *process.children(recursive=True))
    except psutil.Error:
        return 0
    for one in family:
        try:
            times = one.cpu_times()
            cpu[one.pid] = times.user + times.system
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)
