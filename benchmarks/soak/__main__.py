"""`python -m benchmarks.soak`: play the runs, look after each, print the tally.

Exit codes: 0 nothing was wrong, 1 something was, 2 usage error, 130 / 143 ended by a signal (the tally of what was
played is printed all the same).
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.soak import aftermath, growth, tally
from benchmarks.soak.draw import Play, draw
from benchmarks.soak.harness import CHECKOUT, play_run
from benchmarks.soak.sweeper import HOMES, Sweeper
from benchmarks.soak.tally import Outcome
from stack.embedded import EmbeddedStack
from stack.errors import StackError

KEPT: Final = CHECKOUT / "runs" / "soak"
EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


class Soak:
    """The runs of one soak.

    Args:
        folder: holds the stacks, and the runs until they are found right.
        seed: all is drawn from it.
        out: takes a line of JSON a run; None: nobody wants them.
        keep: takes the folders of runs with which something was wrong.
    """

    def __init__(self, folder: Path, seed: int, out: Path | None, keep: Path) -> None:
        self.outcomes: list[Outcome] = []
        self._folder = folder
        self._seed = seed
        self._out = out
        self._keep = keep
        self._kept, self._own = (EmbeddedStack(folder / name) for name in HOMES)

    def open(self) -> None:
        """Bring up the stack that stays."""
        self._kept.up(owner="soak")

    def play(self, number: int) -> None:
        """Play one run and look at what it left."""
        begun, play = time.monotonic(), draw(self._seed, number)
        stack = self._own if play.own_stack else self._kept
        folder = self._folder / f"run-{number}"
        played = play_run(play, stack.home, folder)
        try:
            verdict, wrong = aftermath.look(played, stack)
        except Exception as error:  # noqa: BLE001 (the other runs shall be played; what went wrong is told)
            verdict, wrong = aftermath.Verdict("none"), [*played.complaints, f"looking at it went wrong: {error!r}"]
        seconds = time.monotonic() - begun
        sizes = growth.measure(self._kept)
        self._note(
            Outcome(
                play=play,
                struck=played.struck,
                code=played.code,
                verdict=verdict.verdict,
                reason=verdict.reason,
                seconds=round(seconds, 1),
                wrong=tuple(wrong),
                sizes=sizes,
            )
        )
        self._put_away(play, folder, kept=bool(wrong))

    @property
    def courses(self) -> list[growth.Course]:
        """How the sizes went."""
        return growth.courses([outcome.sizes for outcome in self.outcomes])

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        print(tally.line(outcome), flush=True)
        for sentence in outcome.wrong:
            print(f"     {sentence}", flush=True)
        if self._out is not None:
            with self._out.open("a", encoding="utf-8") as stream:
                stream.write(tally.as_json(outcome) + "\n")

    def _put_away(self, play: Play, folder: Path, *, kept: bool) -> None:
        """Delete what a run left; where something was wrong it is kept, the stack's logs with it."""
        if kept:
            place = self._keep / f"{self._seed}-{play.number}"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place, symlinks=True)
            stack = self._own if play.own_stack else self._kept
            shutil.copytree(stack.home / "logs", place / "stack-logs", dirs_exist_ok=True)
            print(f"     kept in {place}\n     again: {tally.again(self._seed, play.number)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    seed: int = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    ended: list[int] = []

    playing, failed = True, False

    def end(number: int, _: object) -> None:
        # Nothing may cut the cleaning up short.
        ended.append(EXIT_CODES[signal.Signals(number)])
        if playing and len(ended) == 1:
            raise KeyboardInterrupt

    for number in EXIT_CODES:
        signal.signal(number, end)
    if arguments.out is not None:
        arguments.out.write_text("", encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    sweeper = Sweeper(folder)
    soak = Soak(folder, seed, arguments.out, arguments.keep)
    print(f"soak: seed {seed}, runs {arguments.first} to {arguments.first + arguments.runs - 1}", flush=True)
    before = machine.load_average()
    try:
        soak.open()
        deadline = time.monotonic() + arguments.minutes * 60
        for run in range(arguments.first, arguments.first + arguments.runs):
            if time.monotonic() >= deadline:
                break
            soak.play(run)
    except KeyboardInterrupt:
        print("soak: ended by a signal", flush=True)
    except StackError as error:
        print(f"soak: {error}", file=sys.stderr, flush=True)
        failed = True
    finally:
        playing = False
        dirty = sweeper.sweep()
    print(tally.text(soak.outcomes, soak.courses, seed), flush=True)
    if arguments.page is not None:
        where = machine.describe() | {"load average": f"{before} before, {machine.load_average()} after"}
        arguments.page.write_text(tally.page(soak.outcomes, soak.courses, seed, where), encoding="utf-8")
    wrong = dirty or failed or any(outcome.wrong for outcome in soak.outcomes) or tally.growth_complaints(soak.courses)
    return ended[0] if ended else int(bool(wrong))


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Short runs in a row with random faults and random ends of the harness; afterwards nothing may be "
        "broken, left or wrong. Exit codes: 0 nothing was, 1 something was.",
    )
    top.add_argument("--runs", type=_whole, default=100, metavar="N", help="how many (default 100)")
    top.add_argument("--first", type=_whole, default=1, metavar="N", help="number of the first one (default 1)")
    top.add_argument("--seed", type=int, metavar="N", help="all is drawn from it (default: a new one, printed)")
    top.add_argument("--minutes", type=float, default=600.0, metavar="M", help="begin no run after that time")
    top.add_argument("--out", type=Path, metavar="FILE", help="a line of JSON for each run")
    top.add_argument("--page", type=Path, metavar="FILE", help="the tally as Markdown, as docs/soak.md has it")
    top.add_argument(
        "--keep", type=Path, default=KEPT, metavar="DIR", help="takes the folders of runs with which something is wrong"
    )
    return top


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
