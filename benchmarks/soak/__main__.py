"""`python -m benchmarks.soak`: run the soak, check what each run left, print the tally.

Exit codes: 0 nothing was wrong, 1 something was, 2 usage error, 130 / 143 ended by a signal, after the tally.
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
from benchmarks.soak import checks, growth, tally
from benchmarks.soak.cleanup import HOMES, Cleaner
from benchmarks.soak.draw import SoakRun, draw
from benchmarks.soak.harness import CHECKOUT, run_harness
from benchmarks.soak.tally import SoakResult
from stack.embedded import EmbeddedStack
from stack.errors import StackError

KEPT: Final = CHECKOUT / "runs" / "soak"
EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


class Soak:
    """The runs of one soak.

    Args:
        folder: of the stacks, and of each run until it has been checked.
        seed: all is drawn from it.
        out: file for a line of JSON for each run, None for none.
        keep: folder for the runs with which something was wrong.
    """

    def __init__(self, folder: Path, seed: int, out: Path | None, keep: Path) -> None:
        self.results: list[SoakResult] = []
        self._folder = folder
        self._seed = seed
        self._out = out
        self._keep = keep
        self._kept, self._own = (EmbeddedStack(folder / name) for name in HOMES)

    def open(self) -> None:
        """Start the stack that stays up between runs."""
        self._kept.up(owner="soak")

    def run(self, number: int) -> None:
        """Run one run and check what it left."""
        begun, drawn = time.monotonic(), draw(self._seed, number)
        stack = self._own if drawn.own_stack else self._kept
        folder = self._folder / f"run-{number}"
        ended = run_harness(drawn, stack.home, folder)
        try:
            verdict, wrong = checks.check_run(ended, stack)
        except Exception as error:  # noqa: BLE001 (reported; the other runs go on)
            verdict, wrong = checks.Verdict("none"), [*ended.complaints, f"checking it failed: {error!r}"]
        seconds = time.monotonic() - begun
        sizes = growth.measure(self._kept)
        self._note(
            SoakResult(
                drawn=drawn,
                in_time=ended.in_time,
                code=ended.code,
                verdict=verdict.verdict,
                reason=verdict.reason,
                seconds=round(seconds, 1),
                wrong=tuple(wrong),
                sizes=sizes,
            )
        )
        self._put_away(drawn, folder, kept=bool(wrong))

    @property
    def courses(self) -> list[growth.Course]:
        """The course of each size."""
        return growth.courses([result.sizes for result in self.results])

    def _note(self, result: SoakResult) -> None:
        self.results.append(result)
        print(tally.line(result), flush=True)
        for sentence in result.wrong:
            print(f"     {sentence}", flush=True)
        if self._out is not None:
            with self._out.open("a", encoding="utf-8") as stream:
                stream.write(tally.as_json(result) + "\n")

    def _put_away(self, drawn: SoakRun, folder: Path, *, kept: bool) -> None:
        """Delete what a run left, or keep it with the stack's logs where something was wrong."""
        if kept:
            place = self._keep / f"{self._seed}-{drawn.number}"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place, symlinks=True)
            stack = self._own if drawn.own_stack else self._kept
            shutil.copytree(stack.home / "logs", place / "stack-logs", dirs_exist_ok=True)
            print(f"     kept in {place}\n     repeat: {tally.again(self._seed, drawn.number)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    seed: int = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    ended: list[int] = []

    running, failed = True, False

    def end(number: int, _: object) -> None:
        # No signal may interrupt the cleanup.
        ended.append(EXIT_CODES[signal.Signals(number)])
        if running and len(ended) == 1:
            raise KeyboardInterrupt

    for handled in EXIT_CODES:
        signal.signal(handled, end)
    if arguments.out is not None:
        arguments.out.write_text("", encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    cleaner = Cleaner(folder)
    soak = Soak(folder, seed, arguments.out, arguments.keep)
    print(f"soak: seed {seed}, runs {arguments.first} to {arguments.first + arguments.runs - 1}", flush=True)
    before = machine.load_average()
    try:
        soak.open()
        deadline = time.monotonic() + arguments.minutes * 60
        for number in range(arguments.first, arguments.first + arguments.runs):
            if time.monotonic() >= deadline:
                break
            soak.run(number)
    except KeyboardInterrupt:
        print("soak: ended by a signal", flush=True)
    except StackError as error:
        print(f"soak: {error}", file=sys.stderr, flush=True)
        failed = True
    finally:
        running = False
        dirty = cleaner.clean_up()
    print(tally.text(soak.results, soak.courses, seed), flush=True)
    if arguments.page is not None:
        where = machine.describe() | {"load average": f"{before} before, {machine.load_average()} after"}
        arguments.page.write_text(tally.page(soak.results, soak.courses, seed, where), encoding="utf-8")
    wrong = dirty or failed or any(result.wrong for result in soak.results) or tally.growth_complaints(soak.courses)
    return ended[0] if ended else int(bool(wrong))


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Short runs in a row with random faults and random ends of the harness, each checked afterwards. "
        "Exit codes: 0 nothing was wrong, 1 something was.",
    )
    top.add_argument("--runs", type=_whole, default=100, metavar="N", help="how many runs (default 100)")
    top.add_argument("--first", type=_whole, default=1, metavar="N", help="number of the first run (default 1)")
    top.add_argument("--seed", type=int, metavar="N", help="all is drawn from it (default: a new one, printed)")
    top.add_argument("--minutes", type=float, default=600.0, metavar="M", help="start no run after that many minutes")
    top.add_argument("--out", type=Path, metavar="FILE", help="a line of JSON for each run")
    top.add_argument("--page", type=Path, metavar="FILE", help="the tally as Markdown, as docs/soak.md has it")
    top.add_argument(
        "--keep",
        type=Path,
        default=KEPT,
        metavar="DIR",
        help="where to keep runs with which something is wrong",
    )
    return top


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: not a whole number from 1; give one like 100")
    return value


if __name__ == "__main__":
    sys.exit(main())
