"""Measures sizes that must not grow from run to run: files, descriptors, memory, processes; and the free disk."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.soak.checks import harness_processes, stack_processes
from stack.embedded import EmbeddedStack

MIB: Final = 2**20
DISK: Final = "free disk, MiB"
# After so many runs a server has warmed up: its pools are full, its classes loaded.
WARM_UP: Final = 5
FEWEST: Final = 12
# How far the later half may exceed the earlier: by this factor, or by this many (by the first word of a name).
SHARE: Final = 1.25
MORE: Final = {"files": 25.0, "descriptors": 40.0, "memory": 100.0, "processes": 3.0}

Sizes = dict[str, float]


def measure(stack: EmbeddedStack) -> Sizes:
    """Return the sizes of a stack by name; memory in MiB, shared pages counted once."""
    sizes: Sizes = {"files in the stack home": float(_files(stack))}
    trees = stack_processes(stack)
    for name, tree in trees.items():
        if name == "proxy":  # runs only with faults that need it
            continue
        sizes[f"descriptors of the {name}"] = float(sum(_descriptors(each) for each in tree))
        sizes[f"memory of the {name}, MiB"] = round(sum(_memory(each) for each in tree) / MIB, 1)
    known = {each.pid for tree in trees.values() for each in tree}
    sizes["processes of stack and harness"] = float(len(known) + len(harness_processes(stack.home, known)))
    sizes[DISK] = float(shutil.disk_usage(stack.home).free // MIB)
    return sizes


@dataclass(frozen=True, slots=True)
class Course:
    """One size in the first and the last run, its greatest (disk: its least), and whether it grew."""

    name: str
    first: float
    last: float
    greatest: float
    grew: bool | None


def courses(samples: Sequence[Sizes]) -> list[Course]:
    """Return the course of each size; `grew` is None for the disk, and with too few samples."""
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    return [_course(name, [sample[name] for sample in samples if name in sample]) for name in names]


def _course(name: str, values: list[float]) -> Course:
    if name == DISK:
        return Course(name, values[0], values[-1], min(values), None)
    warm = values[WARM_UP:]
    grew = None
    if len(values) >= FEWEST:
        half = len(warm) // 2
        before, after = statistics.median(warm[:half]), statistics.median(warm[half:])
        grew = after > before * SHARE and after > before + MORE[name.split(" ", maxsplit=1)[0]]
    return Course(name, values[0], values[-1], max(values), grew)


def _files(stack: EmbeddedStack) -> int:
    folders = {stack.home, stack.database.data_folder}
    return len({path for folder in folders for path in Path(folder).rglob("*")})


def _descriptors(one: psutil.Process) -> int:
    try:
        return int(one.num_fds())
    except psutil.Error:
        return 0


def _memory(one: psutil.Process) -> int:
    """Return the bytes of a process; shared pages are counted in parts where the system reports that (Linux)."""
    try:
        full = one.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.Error:
        return 0
