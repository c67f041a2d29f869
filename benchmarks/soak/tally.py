"""Tells what the soak found: a line for each run, the tally as text, lines for `--out`, the page docs/soak.md. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks import document
from benchmarks.result import Table
from benchmarks.soak.draw import ENDINGS, FAULTS, TARGETS, Play
from benchmarks.soak.growth import Course, Sizes

VERDICTS: Final = ("consistent", "inconsistent", "inconclusive", "no run", "none")
HEAD: Final = """\
# Soak

Written by `make soak`. Short runs in a row, each with a fault and an end of the harness drawn from one seed. After
each: no process of the harness is left, each component answers on its own protocol (or the run's own stack is down),
no journal is open, the run can be judged, and what its reports name is what an independent count finds. A third of
the runs starts a stack of its own. `inconclusive` is the right verdict of a run that was cut short; `no run`: ended
before anything was written or broken.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to.

    Attributes:
        play: what was played.
        struck: whether its harness was ended as drawn; False: it had ended before.
        code: exit code of the harness, negative for a signal.
        verdict: of its report, or why there is none.
        reason: of the verdict, one line.
        seconds: of the run, the looking included.
        wrong: all that was wrong, sentences.
        sizes: of the stack that stays, after the run.
    """

    play: Play
    struck: bool
    code: int | None
    verdict: str
    reason: str
    seconds: float
    wrong: tuple[str, ...]
    sizes: Sizes


def line(outcome: Outcome) -> str:
    """Return one run as one line."""
    play = outcome.play
    ending = f"{play.ending} at {play.when}" if play.ending != "none" else "none"
    too_late = "" if outcome.struck or play.ending == "none" else " (too late)"
    stack = "own stack" if play.own_stack else "kept"
    verdict = "WRONG" if outcome.wrong else "ok"
    return (
        f"{play.number:4} {play.fault:9} {play.target:8} {play.variant[0]:12} {stack:9} {ending + too_late:42} "
        f"{outcome.verdict:12} exit {outcome.code!s:4} {outcome.seconds:5.1f} s  {verdict}"
    )


def as_json(outcome: Outcome) -> str:
    """Return one run as a line of JSON."""
    return json.dumps(asdict(outcome))


def growth_complaints(found: Sequence[Course]) -> list[str]:
    """Return what grew, each as a sentence."""
    return [f"{one.name} grew: first {one.first:g}, last {one.last:g}" for one in found if one.grew]


def tables(outcomes: Sequence[Outcome], found: Sequence[Course]) -> list[Table]:
    """Return the tally: by ending, by fault and target, and the sizes."""
    seen = [verdict for verdict in VERDICTS if any(outcome.verdict == verdict for outcome in outcomes)]
    by_ending = []
    for ending in dict.fromkeys(ENDINGS):
        those = [outcome for outcome in outcomes if _ending(outcome) == ending]
        by_ending.append([ending, *_cells(those, seen)])
    by_ending.append(["all", *_cells(outcomes, seen)])
    played = Counter((outcome.play.fault, outcome.play.target) for outcome in outcomes)
    by_fault = [[fault, *(str(played[fault, target]) for target in TARGETS)] for fault in FAULTS]
    sizes = [[one.name, f"{one.first:g}", f"{one.last:g}", f"{one.greatest:g}", _grew(one)] for one in found]
    return [
        Table(["end of the harness", "runs", *seen, "wrong"], by_ending),
        Table(["runs by fault", *TARGETS], by_fault),
        Table(["size", "first", "last", "greatest (disk: least)", "grew"], sizes),
    ]


def text(outcomes: Sequence[Outcome], found: Sequence[Course], seed: int) -> str:
    """Return the tally, and below it each thing that was wrong with how to repeat it."""
    parts = [document.table(one) for one in tables(outcomes, found)]
    parts += [f"WRONG in run {o.play.number}: {sentence}" for o in outcomes for sentence in o.wrong]
    parts += [f"  again: {again(seed, o.play.number)}" for o in outcomes if o.wrong]
    return "\n".join([*parts, *(f"WRONG: {sentence}" for sentence in growth_complaints(found))])


def again(seed: int, number: int) -> str:
    """Return the command that plays one run once more."""
    return f"python -m benchmarks.soak --seed {seed} --first {number} --runs 1"


def page(outcomes: Sequence[Outcome], found: Sequence[Course], seed: int, machine: dict[str, str]) -> str:
    """Return docs/soak.md."""
    wrong = [f"- run {o.play.number}: {sentence}" for o in outcomes for sentence in o.wrong]
    wrong += [f"- {sentence}" for sentence in growth_complaints(found)]
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    summary = f"{len(outcomes)} runs in {minutes:.0f} minutes, seed {seed}: " + (
        "nothing was wrong.\n" if not wrong else f"{len(wrong)} things were wrong.\n\n" + "\n".join(wrong) + "\n"
    )
    where = "; ".join(f"{name}: {value}" for name, value in machine.items())
    return "\n".join([HEAD, summary, *(document.table(one) for one in tables(outcomes, found)), f"Run with {where}.\n"])


def _ending(outcome: Outcome) -> str:
    return outcome.play.ending if outcome.struck else "none"


def _cells(outcomes: Sequence[Outcome], verdicts: Sequence[str]) -> list[str]:
    counted = Counter(outcome.verdict for outcome in outcomes)
    wrong = sum(1 for outcome in outcomes if outcome.wrong)
    return [str(len(outcomes)), *(str(counted[verdict]) for verdict in verdicts), str(wrong)]


def _grew(one: Course) -> str:
    return {None: "", True: "**yes**", False: "no"}[one.grew]
