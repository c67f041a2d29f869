"""`make clean-runs`: removes the folders of old runs, after saying which.

What goes has the name of a run and holds its `run.json`; everything else in the folder is nobody's business here. The
newest runs stay, so does one that is still recorded or judged, and one that was not judged completely (its history is
all there is) unless that is forced. Links are never followed. Only the standard library is imported.
"""

import argparse
import os
import re
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
from runlog.folder import RunFolder
from runlog.judgement_status import is_in_use, why_not_judged

KEPT: Final = 10
# As `runlog.folder.create_run_folder` names them.
_NAME: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What happens to one run.

    Attributes:
        folder: of the run.
        stays: why it stays; None when it goes.
    """

    folder: RunFolder
    stays: str | None


def runs_in(runs_dir: Path) -> list[RunFolder]:
    """Return the folders of runs directly below `runs_dir`, the newest first; links are none.

    Raises:
        OSError: `runs_dir` cannot be read.
    """
    found = [
        RunFolder(path)
        for path in runs_dir.iterdir()
        if _NAME.fullmatch(path.name)
        and path.is_dir()
        and not path.is_symlink()
        and (path / "run.json").is_file()
        and not (path / "run.json").is_symlink()
    ]
    return sorted(found, key=lambda folder: folder.run_id, reverse=True)


def choose(runs: Sequence[RunFolder], keep: int, *, force: bool) -> list[Choice]:
    """Return what happens to each of `runs` (the newest first).

    Args:
        runs: as `runs_in` gives them.
        keep: how many of the newest stay.
        force: runs that were not judged completely go too.

    Raises:
        OSError: a folder cannot be looked at.
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
        _complain(f"KEEP {options.keep}: a whole number of runs that stay, such as {KEPT}")
        return USAGE_OR_CRASH
    if not runs_dir.exists():
        sys.stdout.write(f"no runs: there is no folder {runs_dir}\n")
        return AS_EXPECTED
    try:
        choices = choose(runs_in(runs_dir), int(options.keep), force=options.force)
        _tell(choices, runs_dir, dry=options.dry_run)
        if not options.dry_run:
            _remove([one.folder for one in choices if one.stays is None], runs_dir)
    except OSError as error:
        _complain(f"{error.filename or runs_dir}: {reason(error)}")
        return NOT_READY
    return AS_EXPECTED


def _tell(choices: Sequence[Choice], runs_dir: Path, *, dry: bool) -> None:
    going = [one for one in choices if one.stays is None]
    kept = [one for one in choices if one.stays is not None and not one.stays.startswith("one of")]
    for one in kept:
        sys.stdout.write(f"stays    {one.folder.path} ({one.stays})\n")
    for one in going:
        sys.stdout.write(f"{'would go' if dry else 'goes    '} {one.folder.path}\n")
    word = "would be removed" if dry else "are removed"
    sys.stdout.write(f"{len(going)} of {len(choices)} runs in {runs_dir} {word}\n")
    sys.stdout.flush()


def _remove(going: Sequence[RunFolder], runs_dir: Path) -> None:
    """Remove the folders; `latest` goes too when nothing is left that it could point at."""
    for folder in going:
        if is_in_use(folder):
            sys.stdout.write(f"stays    {folder.path} (it has come into use)\n")
            continue
        shutil.rmtree(folder.path)
    latest = runs_dir / "latest"
    if latest.is_symlink() and not latest.exists():
        latest.unlink()


def _parser() -> argparse.ArgumentParser:
    parser = CarefulParser(
        prog="python -m runlog.clean_runs",
        description="Remove the folders of old runs, after saying which.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--runs-dir", metavar="DIR", help="folder of the runs (default: runs) [LOCUST_RUNS_DIR]")
    add("--keep", metavar="N", default=str(KEPT), help=f"how many of the newest stay (default: {KEPT})")
    add("--dry-run", action="store_true", help="only say what would be removed")
    add("--force", action="store_true", help="also runs that were not judged completely")
    return parser


def _complain(sentence: str) -> None:
    sys.stderr.write(f"clean-runs: {sentence}\n")


if __name__ == "__main__":
    let_output_fail()
    sys.exit(main())
