"""A seeded sample of the mutants of the pure core: the tests notice each, or it is argued why nobody could.

`make mutate` tries them all.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import CHECKOUT
from tests.mutation.survivors import MUTMUT, Change, exit_codes, read_argued, read_change, show, unargued

SAMPLE = 120
SEED = int(os.environ.get("MUTATION_SEED", "1"))
ANY = "reconcile.history.joins.x_quantile__mutmut_1"


def mutmut(folder: Path, *names: str) -> str:
    env = {**os.environ, "PROPERTY_EXAMPLES": "50"}
    done = subprocess.run(
        [str(MUTMUT), "run", "--max-children", "2", *names],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.exhaustive
@pytest.mark.timeout(1500)
def test_a_sample_of_mutants_is_noticed_or_argued(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns(".*", "runs", "mutants"))
    mutmut(folder, ANY)
    names = sorted(exit_codes(folder))
    assert len(names) > 2000
    chosen = random.Random(SEED).sample(names, SAMPLE)
    mutmut(folder, *chosen)
    codes = exit_codes(folder)
    assert [name for name in chosen if codes[name] is None] == []
    assert {name: str(change) for name, change in unargued(folder).items()} == {}
    # Proof that a change that matters is seen: it was tried, and its tests failed.
    assert codes[ANY] == 1
    assert show(folder, ANY).path == "reconcile/history/joins.py"


def test_blocks_and_diffs_are_read_alike() -> None:
    block = "# Why.\n# It does not matter.\nreconcile/a.py\n- x = 1\n+ x = 2\n"
    diff = [
        "# reconcile.a.x: survived",
        "--- reconcile/a.py",
        "+++ reconcile/a.py",
        "@@ -1 +1 @@",
        " y",
        "-    x = 1",
        "+    x = 2",
    ]
    change = Change("reconcile/a.py", ("x = 1",), ("x = 2",))
    assert read_change(diff) == change
    assert read_argued(f"{block}\n{block.replace('2', '3')}") == {
        change,
        Change("reconcile/a.py", ("x = 1",), ("x = 3",)),
    }
    assert str(change) == "reconcile/a.py\n- x = 1\n+ x = 2"
