"""The order of the tests that are put before a mutant: mutmut stops at the first that fails, so it decides the time.

First come those that noticed another mutant of the same function, then the quick ones that reach few functions.
"""

import gc
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

# In the folder in which mutmut runs the tests: what it measured of them, and what is noted here.
MEASURED: Final = Path("mutmut-stats.json")
NOTICED: Final = Path("noticed-by.txt")
IN_MUTMUT: Final = "mutmut" in sys.modules
"""Whether mutmut runs the tests, in a process of its own."""
_NUMBER: Final = "__mutmut_"


def _function() -> str | None:
    """Return which function is changed in this process, as mutmut names it; None: none is."""
    function, number, _ = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(_NUMBER)
    return function if number else None


def sort(items: list[pytest.Item]) -> None:
    """Sort the tests if a mutant is under test."""
    function = _function()
    if function is None:
        return
    # pytest collects garbage when it ends, which takes longer than most tests here; this process ends with it.
    gc.freeze()
    measured = json.loads(MEASURED.read_text())
    reached = Counter(test for tests in measured["tests_by_mangled_function_name"].values() for test in tests)
    seconds = measured["duration_by_test"]
    lines = NOTICED.read_text().splitlines() if NOTICED.exists() else []
    noticed = Counter(line.removeprefix(f"{function} ") for line in lines if line.startswith(f"{function} "))
    items.sort(key=lambda item: (-noticed[item.nodeid], reached[item.nodeid] * seconds.get(item.nodeid, 0.0)))


def note(test: str) -> None:
    """Remember that this test noticed the mutant under test, if there is one."""
    function = _function()
    if function is not None:
        with NOTICED.open("a") as stream:
            stream.write(f"{function} {test}\n")
