"""How steadily orders arrive: our open-loop load and Locust's `constant_throughput`, counted at the target.

Each cell runs a generator and a target, each in a process of its own; the two kinds take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import load_average
from benchmarks.result import Aim, Result, Table
from benchmarks.slots import SLOT_S, Spread, spread

NAME: Final = "arrivals"
CHECKOUT: Final = Path(__file__).resolve().parent.parent
KINDS: Final = {"open_loop": "ours", "constant_throughput": "constant_throughput(1)"}
RATES: Final = (50, 200, 1000)
DELAYS: Final = (0.0, 2.0)
SECONDS: Final = 10.0
QUICK_SECONDS: Final = 4.0
# Twice the delay of the slow answer: by then closed-loop users have finished their first round.
WARMUP_S: Final = 4.0
LIMIT_S: Final = 90.0
RATE_AIM: Final = 0.01
DEVIATION_AIM: Final = 1.0

METHOD = """\
An order falls due every 1/rate seconds. Arrivals are counted at the target, per slot of 100 ms, over {seconds:g} s
after {warmup:g} s of warm-up. "Ours" is `OrderUser` with `LoadSession` and its ledger on disk: 10 users under Locust.
`constant_throughput(1)` is Locust's own `FastHttpUser` as its documentation writes it: one user for each order per
second, all started at once. The target is a small asyncio server that answers at once or after 2 s.

"uneven" is the standard deviation of the arrivals per slot (0: perfectly even); "times ours" divides theirs by ours.
"late" is the 95th percentile of send time minus due time, over the whole load. "CPU" is the CPU time of the generator's
process per 1000 orders. A burst at the edge of the window can put a closed loop a little above or below its rate."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One generator at one rate against one target."""

    kind: str
    rate: int
    delay_s: float
    arrived: Spread
    facts: dict[str, Any]
    load_average: str

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of the generator per 1000 orders that arrived in the window."""
        arrived = sum(self.arrived.slots)
        return float(self.facts["cpu_s"]) * 1000 / arrived if arrived else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value, slots included."""
        return asdict(self)


def run(quick: bool) -> Result:
    """Measure every cell: about 15 s each, 8 s when `quick`."""
    seconds = QUICK_SECONDS if quick else SECONDS
    pairs = [(_measure(delay, rate, seconds), rate, delay) for delay in DELAYS for rate in RATES]
    cells = [cell for pair, _, _ in pairs for cell in pair]
    return Result(
        name=NAME,
        title="How steadily orders arrive",
        method=METHOD.format(seconds=seconds, warmup=WARMUP_S),
        tables=[Table(COLUMNS, [row for pair, _, _ in pairs for row in _rows(*pair)])],
        aims=judge([cell for cell in cells if cell.kind == "open_loop"]),
        figures={"slot_s": SLOT_S, "seconds": seconds, "cells": [cell.as_json() for cell in cells]},
    )


def judge(ours: list[Cell]) -> list[Aim]:
    """Compare our cells with the aims."""
    aims = []
    for cell in ours:
        off = cell.arrived.rate / cell.rate - 1
        found = f"{cell.arrived.rate:.1f}/s ({off:+.2%})"
        aims.append(Aim(f"{_where(cell)}: rate within 1 %", found, abs(off) <= RATE_AIM, _bound(cell)))
        if cell.rate == RATES[0]:
            deviation = cell.arrived.deviation
            text = f"{_where(cell)}: deviation per slot at most {DEVIATION_AIM:g}"
            aims.append(Aim(text, f"{deviation:.2f}", deviation <= DEVIATION_AIM, _bound(cell)))
    return aims


def _bound(cell: Cell) -> str:
    """Return what the generator itself measured: it shows whether the harness or the machine was late."""
    busy = float(cell.facts["cpu_s"]) / (len(cell.arrived.slots) * SLOT_S)
    return (
        f"the generator used {busy:.0%} of one core, was {cell.facts['late_p95'] * 1000:.0f} ms late (95th "
        f"percentile), left {cell.facts['not_sent']} orders unsent; load average of the machine {cell.load_average}"
    )


def _measure(delay: float, rate: int, seconds: float) -> tuple[Cell, Cell]:
    ours, theirs = (_cell(kind, rate, delay, seconds) for kind in KINDS)
    return ours, theirs


def _cell(kind: str, rate: int, delay: float, seconds: float) -> Cell:
    with _target(delay) as target:
        port = _first_line(target)
        arguments = (kind, f"http://127.0.0.1:{port}", str(rate), str(WARMUP_S), str(seconds))
        busy = load_average()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.generator", *arguments],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the generator {kind} at {rate}/s failed:\n{done.stderr}")
        facts = json.loads(done.stdout)
        arrivals = json.loads(target.communicate(timeout=LIMIT_S)[0])
    return Cell(kind, rate, delay, spread(arrivals, facts["begin"], seconds), facts, busy)


@contextmanager
def _target(delay: float) -> Iterator[subprocess.Popen[str]]:
    """Yield a target process; it ends when its standard input is closed, at the latest here."""
    target = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.target", str(delay)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield target
    finally:
        target.kill()
        target.wait()


def _first_line(target: subprocess.Popen[str]) -> int:
    if target.stdout is None or not (line := target.stdout.readline()):
        raise RuntimeError("the target ended before it printed its port")
    return int(line)


def _where(cell: Cell) -> str:
    return f"{cell.rate}/s, {'answers at once' if not cell.delay_s else f'answers after {cell.delay_s:g} s'}"


COLUMNS: Final = [
    "asked for",
    "answers",
    "generator",
    "arrived/s",
    "of the rate",
    "uneven",
    "times ours",
    "fewest, most per slot",
    "late",
    "CPU",
    "load average",
]


def _rows(ours: Cell, theirs: Cell) -> list[list[str]]:
    rows = []
    for cell in (ours, theirs):
        ratio = cell.arrived.deviation / ours.arrived.deviation if ours.arrived.deviation else None
        late = cell.facts.get("late_p95")
        rows.append(
            [
                f"{cell.rate}/s",
                "at once" if not cell.delay_s else f"after {cell.delay_s:g} s",
                KINDS[cell.kind],
                f"{cell.arrived.rate:.1f}",
                f"{cell.arrived.rate / cell.rate:.1%}",
                f"{cell.arrived.deviation:.2f}",
                "-" if ratio is None else f"{ratio:.1f}",
                f"{cell.arrived.fewest}, {cell.arrived.most}",
                "-" if late is None else f"{late * 1000:.0f} ms",
                f"{cell.cpu_per_1000:.2f} s",
                cell.load_average,
            ]
        )
    return rows
