"""Mutants of the pure core that its tests did not notice, held against those that are argued in `argued.txt`.

    python -m tests.mutation.survivors [FOLDER]

FOLDER is where `mutmut run` was called (default: here). Ends with 1 when a mutant survived that is not argued.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ARGUED: Final = Path(__file__).with_name("argued.txt")
MUTMUT: Final = Path(sys.executable).parent / "mutmut"
SURVIVED: Final = 0
# Exit codes of mutmut for a mutant that no test reaches, and for one that was not tried.
NO_TESTS: Final = 33
SHOW_TIMEOUT_S: Final = 60.0
_TOKEN: Final = re.compile(r"\w+|\s+|[-+*/%&|<>=!]=|[^\w\s]")
_ARGUED: Final = re.compile(r"(.+?)(?: \((\d+)\))?")
_FUNCTION: Final = re.compile(r"(?:.*\.)?x(?:ǁ(\w+)ǁ|_)(\w+)__mutmut_\d+")


def change_of(name: str, diff: list[str]) -> str:
    """Return what a mutant changes, as `argued.txt` says it: `FILE:FUNCTION: BEFORE -> AFTER`.

    Args:
        name: of mutmut, for example `reconcile.history.joins.x_index_of__mutmut_3`.
        diff: lines of `mutmut show`.
    """
    path = next(line.removeprefix("--- ") for line in diff if line.startswith("--- "))
    found = _FUNCTION.fullmatch(name)
    assert found is not None, name
    body = [line for line in diff if not line.startswith(("---", "+++"))]
    sides = [_TOKEN.findall(" ".join(line[1:].strip() for line in body if line.startswith(sign))) for sign in "-+"]
    head = _shared(*sides)
    tail = _shared(*(side[head:][::-1] for side in sides))
    before, after = ("".join(side[head : len(side) - tail]).strip() or "nothing" for side in sides)
    return f"{path}:{'.'.join(part for part in found.groups() if part)}: {before} -> {after}"


def _shared(one: list[str], other: list[str]) -> int:
    """Return how many tokens both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def read_argued(text: str) -> Counter[str]:
    """Return how many mutants of each kind are argued: a line each, ending in `(N)` for several."""
    argued: Counter[str] = Counter()
    for line in text.splitlines():
        if line and not line.startswith("#") and (found := _ARGUED.fullmatch(line)):
            argued[found[1]] += int(found[2] or 1)
    return argued


def exit_codes(folder: Path) -> dict[str, int | None]:
    """Return the exit code of each mutant's tests, None for those not tried."""
    found: dict[str, int | None] = {}
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        found.update(json.loads(meta.read_text())["exit_code_by_key"])
    return found


def show(folder: Path, name: str) -> str:
    """Return what the mutant `name` changes, see `change_of`."""
    done = subprocess.run(
        [str(MUTMUT), "show", name], cwd=folder, capture_output=True, text=True, timeout=SHOW_TIMEOUT_S, check=True
    )
    return change_of(name, done.stdout.splitlines())


def beyond(changes: Iterable[tuple[str, str]], argued: Counter[str]) -> dict[str, str]:
    """Return those of `changes`, by name of the mutant, that are more than are argued of their kind."""
    left, found = argued.copy(), {}
    for name, change in changes:
        left[change] -= 1
        if left[change] < 0:
            found[name] = change
    return found


def unargued(folder: Path) -> dict[str, str]:
    """Return the mutants in `folder` that survived and are not argued, by name."""
    names = [name for name, code in exit_codes(folder).items() if code in (SURVIVED, NO_TESTS)]
    return beyond(((name, show(folder, name)) for name in names), read_argued(ARGUED.read_text()))


def main() -> int:
    """Print what survived; return the exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    codes = exit_codes(folder)
    tally = Counter(
        "not tried" if code is None else "survived" if code == SURVIVED else "noticed" for code in codes.values()
    )
    left = unargued(folder)
    for name, change in left.items():
        sys.stdout.write(f"# {name}\n{change}\n")
    counts = ", ".join(f"{count} {word}" for word, count in sorted(tally.items()))
    sys.stdout.write(
        f"{len(codes)} mutants: {counts}; {len(left)} of those that survived are not argued in {ARGUED.name}\n"
    )
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
