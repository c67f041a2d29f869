"""Which tests are put before a mutant first."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.mutation import order

NAMES = ["near and slow", "far", "near", "of another"]
MEASURED = {
    "tests_by_mangled_function_name": {"a.x_f": ["near", "far", "near and slow"], "a.x_g": ["far", "of another"]},
    "duration_by_test": {"near": 0.1, "near and slow": 5.0, "far": 0.1, "of another": 0.15},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    order.MEASURED.write_text(json.dumps(MEASURED))


def in_order() -> list[str]:
    items = [cast(Any, SimpleNamespace(nodeid=name)) for name in NAMES]
    order.sort(items)
    return [item.nodeid for item in items]


def test_what_noticed_a_mutant_of_the_function_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTANT_UNDER_TEST", "a.x_f__mutmut_1")
    assert in_order() == ["near", "of another", "far", "near and slow"]
    order.note("near and slow")
    monkeypatch.setenv("MUTANT_UNDER_TEST", "a.x_f__mutmut_2")
    assert in_order() == ["near and slow", "near", "of another", "far"]
    monkeypatch.setenv("MUTANT_UNDER_TEST", "a.x_g__mutmut_2")
    assert in_order() == ["near", "of another", "far", "near and slow"]


@pytest.mark.parametrize("phase", [None, "", "stats", "fail"])
def test_without_a_mutant_nothing_is_sorted_or_noted(phase: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUTANT_UNDER_TEST", raising=False)
    if phase is not None:
        monkeypatch.setenv("MUTANT_UNDER_TEST", phase)
    order.note("far")
    assert in_order() == NAMES
    assert not order.NOTICED.exists()
