"""`make clean-runs`: lists the folders of old runs, then removes them.

Removed are folders that have the name of a run and hold its `run.json`. Kept are the newest runs, those still recorded
or judged, and, unless `--force` is given, those not judged completely: their history is the only evidence. Links are
never followed. Only the standard library is imported.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from files.output_streams import let_output_fail
from files.paths import reason
from redaction.parser import CarefulParser
from runlog.exit_codes import AS_EXPECTED, NOT_READY, USAGE_OR_CRASH
from runlog.folder import RunFolder, runs_in
from runlog.judgement_status import why_not_judged
from runlog.locks import is_in_use

KEPT: Final = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether one run is removed.

    Attributes:
        kept_because: why it is kept; None when it is removed.
    """

    folder: RunFolder
    kept_because: str | None


def choose(runs: Sequence[RunFolder], keep: int, *, force: bool) -> list[Choice]:
    """Return which of `runs` are removed.

    Args:
        runs: the newest first.
        keep: how many of the newest are kept.
        force: runs that were not judged completely are removed too.

    Raises:
        OSError: a folder cannot be opened.
    """
    choices = []
    for place, folder in enumerate(runs):
        why = None
        if place < keep:
            why = f"one of the newest {keep}"
        elif is_in_use(folder):
            why = "it is still recorded or judged"
        elif not force and (lacking := why_not_judged(folder)):
            why = f"not judged completely: {lacking}"
        choices.append(Choice(folder, why))
    return choices


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    runs_dir = Path(options.runs_dir or os.environ.get("LOCUST_RUNS_DIR") or "runs")
    if not (options.keep.isascii() and options.keep.isdigit() and len(options.keep) < 10):
        _complain(f"--keep {options.keep}: not a whole number of runs to keep; give one such as {KEPT}")
        return USAGE_OR_CRASH
    if not runs_dir.exists():
        sys.stdout.write(f"no runs: there is no folder {runs_dir}\n")
        return AS_EXPECTED
    try:
        choices = choose(runs_in(runs_dir), int(options.keep), force=options.force)
        _list(choices, runs_dir, dry=options.dry_run)
        if not options.dry_run:
            _remove([one.folder for one in choices if one.kept_because is None], runs_dir)
    except OSError as error:
        _complain(f"{error.filename or runs_dir}: {reason(error)}")
        return NOT_READY
    return AS_EXPECTED


def _list(choices: Sequence[Choice], runs_dir: Path, *, dry: bool) -> None:
    removed = [one for one in choices if one.kept_because is None]
    kept = [one for one in choices if one.kept_because is not None and not one.kept_because.startswith("one of")]
    word = "would be removed" if dry else "removed"
    for one in kept:
        sys.stdout.write(f"kept: {one.folder.path} ({one.kept_because})\n")
    for one in removed:
        sys.stdout.write(f"{word}: {one.folder.path}\n")
    sys.stdout.write(f"{len(removed)} of {len(choices)} runs in {runs_dir} {word}\n")
    sys.stdout.flush()


def _remove(folders: Sequence[RunFolder], runs_dir: Path) -> None:
    """Remove the folders, and `latest` if it points at nothing then."""
    for folder in folders:
        if is_in_use(folder):
            sys.stdout.write(f"kept: {folder.path} (it is in use by now)\n")
            continue
        shutil.rmtree(folder.path)
    latest = runs_dir / "latest"
    if latest.is_symlink() and not latest.exists():
        latest.unlink()


def _parser() -> argparse.ArgumentParser:
    parser = CarefulParser(
        prog="python -m runlog.clean_runs",
        description="List the folders of old runs, then remove them.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--runs-dir", metavar="DIR", help="folder of the runs (default: runs) [LOCUST_RUNS_DIR]")
    add("--keep", metavar="N", default=str(KEPT), help=f"how many of the newest to keep (default: {KEPT})")
    add("--dry-run", action="store_true", help="only list what would be removed")
    add("--force", action="store_true", help="remove runs that were not judged completely, too")
    return parser


def _complain(sentence: str) -> None:
    sys.stderr.write(f"clean-runs: {sentence}\n")


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
