"""Watches what must not grow from run to run: files, descriptors, memory, processes; and how much disk is left."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.soak.aftermath import harness_processes, stack_processes
from stack.embedded import EmbeddedStack

MIB: Final = 2**20
DISK: Final = "free disk, MiB"
# Later than that a server has warmed up: its pools are full, its classes loaded.
WARM_UP: Final = 5
FEWEST: Final = 12
# By how much the later half may lie above the earlier: a share of it, and so many more (of what a name begins with).
SHARE: Final = 1.25
MORE: Final = {"files": 25.0, "descriptors": 40.0, "memory": 100.0, "processes": 3.0}

Sizes = dict[str, float]


def measure(stack: EmbeddedStack) -> Sizes:
    """Return the sizes of a stack that stays, by name; memory in MiB, shared pages counted once."""
    sizes: Sizes = {"files in the stack home": float(_files(stack))}
    trees = stack_processes(stack)
    for name, tree in trees.items():
        if name == "proxy":  # comes and goes with the partitions
            continue
        sizes[f"descriptors of the {name}"] = float(sum(_descriptors(each) for each in tree))
        sizes[f"memory of the {name}, MiB"] = round(sum(_memory(each) for each in tree) / MIB, 1)
    known = {each.pid for tree in trees.values() for each in tree}
    sizes["processes of stack and harness"] = float(len(known) + len(harness_processes(stack.home, known)))
    sizes[DISK] = float(shutil.disk_usage(stack.home).free // MIB)
    return sizes


@dataclass(frozen=True, slots=True)
class Course:
    """How one size went: in the first and the last run, at its greatest (disk: at its least), and whether it grew."""

    name: str
    first: float
    last: float
    greatest: float
    grew: bool | None


def courses(samples: Sequence[Sizes]) -> list[Course]:
    """Return the course of each size; `grew` is None where there are too few samples to tell, and for the disk."""
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
    """Bytes of a process; pages that several share are counted in parts where the system tells (Linux)."""
    try:
        full = one.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.Error:
        return 0
