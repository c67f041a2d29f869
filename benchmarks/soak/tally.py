"""What the soak found: a line for each run, the tally as text, lines for `--out`, the page docs/soak.md. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks import document
from benchmarks.result import Table
from benchmarks.soak.draw import ENDINGS, FAULTS, TARGETS, SoakRun
from benchmarks.soak.growth import Course, Sizes

VERDICTS: Final = ("consistent", "inconsistent", "inconclusive", "no run", "none")
HEAD: Final = """\
# Soak

Written by `make soak`: short runs in a row, each with a fault and an end of the harness drawn from one seed. After
each run, no process of the harness is left, each component answers on its own protocol (or the run's own stack is
down), no journal is open, the run can be judged, and its reports name what an independent count finds. A third of the
runs start a stack of their own. `inconclusive` is the right verdict of a run that was cut short; `no run` ended before
it wrote or broke anything.
"""


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What one run ended with.

    Attributes:
        drawn: the run as drawn.
        in_time: whether its harness was ended as drawn; False: it ended before.
        code: exit code of the harness, negative for a signal.
        verdict: of its report, or why there is none.
        reason: of the verdict, one line.
        seconds: of the run, its checks included.
        wrong: all that was wrong, as sentences.
        sizes: of the stack that stays up, after the run.
    """

    drawn: SoakRun
    in_time: bool
    code: int | None
    verdict: str
    reason: str
    seconds: float
    wrong: tuple[str, ...]
    sizes: Sizes


def line(result: SoakResult) -> str:
    """Return one run as one line."""
    drawn = result.drawn
    ending = f"{drawn.ending} at {drawn.when}" if drawn.ending != "none" else "none"
    too_late = "" if result.in_time or drawn.ending == "none" else " (too late)"
    stack = "own stack" if drawn.own_stack else "kept"
    verdict = "WRONG" if result.wrong else "ok"
    return (
        f"{drawn.number:4} {drawn.fault:9} {drawn.target:8} {drawn.variant[0]:12} {stack:9} {ending + too_late:42} "
        f"{result.verdict:12} exit {result.code!s:4} {result.seconds:5.1f} s  {verdict}"
    )


def as_json(result: SoakResult) -> str:
    """Return one run as a line of JSON."""
    return json.dumps(asdict(result))


def growth_complaints(found: Sequence[Course]) -> list[str]:
    """Return what grew, one sentence each."""
    return [f"{one.name} grew: first {one.first:g}, last {one.last:g}" for one in found if one.grew]


def tables(results: Sequence[SoakResult], found: Sequence[Course]) -> list[Table]:
    """Return the tally: by ending, by fault and target, and the sizes."""
    seen = [verdict for verdict in VERDICTS if any(result.verdict == verdict for result in results)]
    by_ending = []
    for ending in dict.fromkeys(ENDINGS):
        those = [result for result in results if _ending(result) == ending]
        by_ending.append([ending, *_cells(those, seen)])
    by_ending.append(["all", *_cells(results, seen)])
    ended = Counter((result.drawn.fault, result.drawn.target) for result in results)
    by_fault = [[fault, *(str(ended[fault, target]) for target in TARGETS)] for fault in FAULTS]
    sizes = [[one.name, f"{one.first:g}", f"{one.last:g}", f"{one.greatest:g}", _grew(one)] for one in found]
    return [
        Table(["end of the harness", "runs", *seen, "wrong"], by_ending),
        Table(["runs by fault", *TARGETS], by_fault),
        Table(["size", "first", "last", "greatest (disk: least)", "grew"], sizes),
    ]


def text(results: Sequence[SoakResult], found: Sequence[Course], seed: int) -> str:
    """Return the tally, and below it what was wrong and how to repeat it."""
    parts = [document.table(one) for one in tables(results, found)]
    parts += [f"WRONG in run {o.drawn.number}: {sentence}" for o in results for sentence in o.wrong]
    parts += [f"  repeat: {again(seed, o.drawn.number)}" for o in results if o.wrong]
    return "\n".join([*parts, *(f"WRONG: {sentence}" for sentence in growth_complaints(found))])


def again(seed: int, number: int) -> str:
    """Return the command that repeats one run."""
    return f"python -m benchmarks.soak --seed {seed} --first {number} --runs 1"


def page(results: Sequence[SoakResult], found: Sequence[Course], seed: int, machine: dict[str, str]) -> str:
    """Return docs/soak.md."""
    wrong = [f"- run {o.drawn.number}: {sentence}" for o in results for sentence in o.wrong]
    wrong += [f"- {sentence}" for sentence in growth_complaints(found)]
    minutes = sum(result.seconds for result in results) / 60
    summary = f"{len(results)} runs in {minutes:.0f} minutes, seed {seed}: " + (
        "nothing was wrong.\n" if not wrong else f"{len(wrong)} things were wrong.\n\n" + "\n".join(wrong) + "\n"
    )
    where = "; ".join(f"{name}: {value}" for name, value in machine.items())
    return "\n".join([HEAD, summary, *(document.table(one) for one in tables(results, found)), f"Run with {where}.\n"])


def _ending(result: SoakResult) -> str:
    return result.drawn.ending if result.in_time else "none"


def _cells(results: Sequence[SoakResult], verdicts: Sequence[str]) -> list[str]:
    counted = Counter(result.verdict for result in results)
    wrong = sum(1 for result in results if result.wrong)
    return [str(len(results)), *(str(counted[verdict]) for verdict in verdicts), str(wrong)]


def _grew(one: Course) -> str:
    return {None: "", True: "**yes**", False: "no"}[one.grew]
