"""A seeded sample of the mutants of the pure core: the tests notice each, or it is argued why none can.

`make mutate` tries them all.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import CHECKOUT
from tests.mutation.survivors import ARGUED, MUTMUT, beyond, change_of, exit_codes, read_argued, show, unargued

SAMPLE = 30
SEED = int(os.environ.get("MUTATION_SEED", "1"))
ANY = "reconcile.history.joins.x_quantile__mutmut_1"


def mutmut(folder: Path, *names: str) -> tuple[int, str]:
    """Try the mutants of these names; return exit code and what was said."""
    env = {**os.environ, "EXAMPLES_PERCENT": "5"}
    done = subprocess.run(
        [str(MUTMUT), "run", "--max-children", "2", *names],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=2400,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.process
@pytest.mark.exhaustive
@pytest.mark.timeout(2700)
def test_a_sample_of_mutants_is_noticed_or_argued(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns(".*", "runs", "mutants"))
    # A name that no mutant has: all are made, and which tests reach which function is measured, but none is tried.
    _, said = mutmut(folder, "none")
    assert "nothing matches" in said, said[-3000:]
    names = sorted(exit_codes(folder))
    assert len(names) > 2000
    chosen = random.Random(SEED).sample(names, SAMPLE)
    code, said = mutmut(folder, *chosen, ANY)
    assert code == 0, said[-3000:]
    codes = exit_codes(folder)
    assert [name for name in chosen if codes[name] is None] == []
    assert unargued(folder) == {}
    # Proof that a change that matters is seen: it was tried, and its tests failed.
    assert codes[ANY] == 1
    assert show(folder, ANY).startswith("reconcile/history/joins.py:quantile: ")


def diff(before: str, after: str) -> list[str]:
    return ["# reconcile.a.x_b: survived", "--- reconcile/a.py", "+++ reconcile/a.py", "@@ -1 +1 @@", " y",
            f"-    {before}", f"+    {after}"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "before", "after", "change"),
    [
        ("reconcile.a.x_b__mutmut_1", "x = 1", "x = 2", "reconcile/a.py:b: 1 -> 2"),
        ("reconcile.a.x__b__mutmut_12", "full(3, dtype=int)", "full(3, )", "reconcile/a.py:_b: dtype=int -> nothing"),
        ("reconcile.a.xǁCǁ_d__mutmut_2", "if a < b:", "if a <= b:", "reconcile/a.py:C._d: < -> <="),
        ("reconcile.a.x_b__mutmut_3", "f(g(a), g(a))", "f(g(a), None)", "reconcile/a.py:b: g(a) -> None"),
        ("reconcile.a.x_b__mutmut_4", "return a and b", "return a or b", "reconcile/a.py:b: and -> or"),
        ("reconcile.a.x_b__mutmut_5", "a = b", "c = b", "reconcile/a.py:b: a -> c"),
    ],
)
def test_a_change_is_named_by_file_function_and_what_differs(name: str, before: str, after: str, change: str) -> None:
    assert change_of(name, diff(before, after)) == change


def test_only_as_many_are_argued_as_the_list_says() -> None:
    argued = read_argued("# Why.\n\na.py:b: 1 -> 2 (2)\na.py:b: f(x) -> (y)\n")
    assert argued == {"a.py:b: 1 -> 2": 2, "a.py:b: f(x) -> (y)": 1}
    three = [(str(number), "a.py:b: 1 -> 2") for number in range(3)]
    assert beyond([*three, ("3", "a.py:b: f(x) -> (y)"), ("4", "a.py:c: 1 -> 2")], argued) == {
        "2": "a.py:b: 1 -> 2",
        "4": "a.py:c: 1 -> 2",
    }


def test_each_argued_change_is_in_a_function_that_exists() -> None:
    for change in read_argued(ARGUED.read_text()):
        path, function, _ = change.split(":", 2)
        name = function.rpartition(".")[2]
        assert f"def {name}(" in (CHECKOUT / path).read_text(), change
