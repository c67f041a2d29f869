"""Mutants of the pure core that its tests did not notice, held against those that are argued in `argued.txt`.

    python -m tests.mutation.survivors [FOLDER]

FOLDER is where `mutmut run` was called (default: here). Ends with 1 when a mutant survived that nobody has argued.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ARGUED: Final = Path(__file__).with_name("argued.txt")
MUTMUT: Final = Path(sys.executable).parent / "mutmut"
SURVIVED: Final = 0
# Exit codes of mutmut for a mutant that no test reaches, and for one that was not tried.
NO_TESTS: Final = 33
SHOW_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes.

    Attributes:
        path: file.
        removed, added: lines, without their indentation.
    """

    path: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.path, *(f"- {line}" for line in self.removed), *(f"+ {line}" for line in self.added)])


def read_change(lines: list[str]) -> Change:
    """Return the change that a block of `argued.txt` or a diff tells."""
    path = next(line.removeprefix("--- ") for line in lines if line.startswith("--- ") or line[:1] not in "-+#@ ")
    body = [line for line in lines if not line.startswith(("---", "+++"))]
    removed = tuple(line[1:].strip() for line in body if line.startswith("-"))
    return Change(path, removed, tuple(line[1:].strip() for line in body if line.startswith("+")))


def read_argued(text: str) -> set[Change]:
    """Return the changes that are argued: blocks apart by empty lines, their arguments (`#`) before them."""
    blocks = (
        [line for line in block.splitlines() if line and not line.startswith("#")] for block in text.split("\n\n")
    )
    return {read_change(block) for block in blocks if block}


def exit_codes(folder: Path) -> dict[str, int | None]:
    """Return the exit code of each mutant's tests, None for those not tried."""
    found: dict[str, int | None] = {}
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        found.update(json.loads(meta.read_text())["exit_code_by_key"])
    return found


def show(folder: Path, name: str) -> Change:
    """Return what the mutant `name` changes."""
    done = subprocess.run(
        [str(MUTMUT), "show", name], cwd=folder, capture_output=True, text=True, timeout=SHOW_TIMEOUT_S, check=True
    )
    return read_change(done.stdout.splitlines())


def unargued(folder: Path) -> dict[str, Change]:
    """Return the mutants in `folder` that survived and are not argued, by name."""
    argued = read_argued(ARGUED.read_text())
    names = [name for name, code in exit_codes(folder).items() if code in (SURVIVED, NO_TESTS)]
    changes = {name: show(folder, name) for name in names}
    return {name: change for name, change in changes.items() if change not in argued}


def main() -> int:
    """Tell what survived; return the exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    codes = exit_codes(folder)
    tally = Counter(
        "not tried" if code is None else "survived" if code == SURVIVED else "noticed" for code in codes.values()
    )
    left = unargued(folder)
    for name, change in left.items():
        sys.stdout.write(f"# {name}\n{change}\n\n")
    told = ", ".join(f"{count} {word}" for word, count in sorted(tally.items()))
    sys.stdout.write(
        f"{len(codes)} mutants: {told}; {len(left)} of those that survived are not argued in {ARGUED.name}\n"
    )
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
