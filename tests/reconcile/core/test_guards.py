"""Each guard fires in its cases and in no near miss, and is left out where it does not apply."""

import re

import pytest

from reconcile.analysis.counts import Equation
from reconcile.judge.evidence_guards import conservation
from reconcile.judge.findings import Guard, GuardKind
from reconcile.judge.guards import GUARDS
from reconcile.judge.judge import judge
from runlog import exit_codes
from runlog import marks as m
from tests.e2e.harness import CHECKOUT
from tests.reconcile.core.guard_cases import CASES
from tests.reconcile.core.guard_changes import Change, nothing, set_to, twice_the_same_row
from tests.reconcile.core.run_builder import RunBuilder, facts


def calm() -> RunBuilder:
    return RunBuilder().calm()


def guard_of(builder: RunBuilder, name: str) -> Guard:
    return next(guard for guard in judge(builder.history()).guards if guard.name == name)


FAULTLESS = facts(scenario="control")


@pytest.mark.parametrize(("name", "kind", "fires", "nearly"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_fires_and_nearly_fires(name: str, kind: GuardKind, fires: Change, nearly: Change) -> None:
    broken, close = calm(), calm()
    fires(broken)
    nearly(close)
    fired, passed = guard_of(broken, name), guard_of(close, name)
    assert (fired.kind, fired.applies, fired.passed) == (kind, True, False), fired.reason
    assert (passed.applies, passed.passed) == (True, True), passed.reason
    assert fired.reason and "\n" not in fired.reason


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fault proven", set_to(facts=FAULTLESS)),
        ("fault held", set_to(facts=FAULTLESS)),
        ("load went on", set_to(facts=FAULTLESS)),
        ("recovery proven", lambda s: s.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)),
        ("acknowledgements before and after", set_to(facts=facts(scenario="phantom-event"))),
        ("orders attributable", set_to(facts=facts(attribution="exclusive"))),
        ("no other writer", nothing),
        ("no order changed", nothing),
        ("phantoms provoked", nothing),
        ("backlog empty", nothing),
        ("no worker lost", lambda s: s.mark_late(m.WORKER_LOST, 12)),
        ("clock steady", lambda s: s.mark(m.ENDED, wall_step=None)),
        ("clock steady", lambda s: s.without(m.ENDED)),
        ("publish horizon passed", nothing),
    ],
)
def test_does_not_apply(name: str, change: Change) -> None:
    builder = calm()
    change(builder)
    guard = guard_of(builder, name)
    assert (guard.applies, guard.passed, guard.failed) == (False, None, False)


def test_a_calm_run_passes_every_guard() -> None:
    judgement = judge(calm().history())
    assert [guard.name for guard in judgement.guards if guard.failed] == []
    assert len({guard.name for guard in judgement.guards}) == len(judgement.guards) == len(GUARDS) + 1


def test_each_guard_of_the_list_is_tripped_by_a_case() -> None:
    listed = {guard.name for guard in judge(calm().history()).guards}
    assert listed - {name for name, *_ in CASES} == {
        "conservation",
        "phantoms rolled back",  # test_rollback.py
        "violations confirmed",  # tests/reconcile/verify
        "no order changed",  # tests/reconcile/verify
    }


def test_the_docs_list_each_guard_in_the_order_of_the_reports() -> None:
    builder = calm()
    builder.facts = facts(stack="external")
    docs = (CHECKOUT / "docs" / "verdicts.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (evidence|vacuity) \|", docs, re.MULTILINE)
    assert rows == [(guard.name, guard.kind.value) for guard in judge(builder.history()).guards]


def test_conservation_near_miss() -> None:
    right, wrong = Equation("a = b", 3, 3), Equation("a = b", 3, 4)
    assert conservation([right, right]).passed
    assert conservation([right, wrong]).failed
    assert "3 is not 4" in conservation([wrong]).reason


def test_a_row_read_twice_breaks_conservation() -> None:
    """The harness is wrong then, and says so: inconclusive, exit 2."""
    ruling = judge(twice_the_same_row(calm().history())).ruling
    assert (ruling.verdict.value, ruling.exit_code) == ("inconclusive", exit_codes.USAGE_OR_CRASH)
    assert "conservation" in ruling.reason
