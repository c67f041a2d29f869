"""`python -m benchmarks [--quick] [--only NAME]`: measure, and write docs/benchmarks.md and benchmarks/results.json.

With --quick everything runs for a shorter time and is only printed, as a first estimate. With --only the other
benchmarks keep their last results. Exit codes: 0 measured (whether aims were met or not), 2 usage error.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import arrivals, document, reconcile_speed, report_page, stack_start, web_page
from benchmarks.machine import describe, load_average
from benchmarks.result import Result

CHECKOUT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = CHECKOUT / "benchmarks" / "results.json"
DOCUMENT: Final = CHECKOUT / "docs" / "benchmarks.md"
VERSION: Final = 1
BENCHMARKS: Final[dict[str, Callable[[bool], Result]]] = {
    stack_start.NAME: stack_start.run,
    arrivals.NAME: arrivals.run,
    reconcile_speed.NAME: reconcile_speed.run,
    reconcile_speed.LARGE: reconcile_speed.run_large,
    report_page.NAME: report_page.run,
    web_page.NAME: web_page.run,
}
# Ten minutes and 10 GB of disk: only when asked for by name.
BY_NAME_ONLY: Final = frozenset({reconcile_speed.LARGE})


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed, side by side.")
    parser.add_argument("--quick", action="store_true", help="run for a shorter time, and only print")
    parser.add_argument("--only", choices=BENCHMARKS, metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)}")
    arguments = parser.parse_args(argv)
    # SystemExit runs every `finally`, so that a terminated measurement leaves no stack running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = {} if arguments.quick else read_results(RESULTS)
    for name, run in BENCHMARKS.items():
        if arguments.only == name or (arguments.only is None and name not in BY_NAME_ONLY):
            print(f"{name}: measuring", file=sys.stderr, flush=True)
            busy = load_average()
            result = run(arguments.quick)
            result.machine = describe() | {"load average": f"{busy} before, {load_average()} after"}
            results[name] = result
            print(document.render([result]).removeprefix(document.HEAD))
            if not arguments.quick:
                write_results(results, RESULTS, DOCUMENT)
    return 0


def read_results(path: Path) -> dict[str, Result]:
    """Return the stored results by name; empty without a file of this version."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored.get("version") != VERSION:
        return {}
    return {name: Result.from_json(value) for name, value in stored["results"].items() if name in BENCHMARKS}


def write_results(results: dict[str, Result], numbers: Path, page: Path) -> None:
    """Write the numbers and the page, the benchmarks in their usual order."""
    ordered = [results[name] for name in BENCHMARKS if name in results]
    stored = {"version": VERSION, "results": {result.name: result.as_json() for result in ordered}}
    numbers.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(document.render(ordered), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
