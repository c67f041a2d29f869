"""Whole runs whose target is degraded, on real parts: the effect is proven, held, healed, and judged like any other."""

import re
from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import Start, assert_all_up
from tests.e2e.independent import assert_agrees

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PLAN = ["--headless", "--baseline", "3s", "--outage", "5s", "--recovery", "4s", "--rate", "20", "--expect", "any"]
PROOFS = ("fault proven", "fault held", "recovery proven")


CASES = {
    "latency to the broker": (
        ["--fault", "latency", "--fault-target", "broker"],
        "latency of 300 ms to the broker",
        r"the broker was late to answer all .* until healing began",
    ),
    "latency to the database": (
        ["--fault", "latency", "--fault-target", "database", "--fault-latency", "1s", "--fault-jitter", "200ms"],
        "latency of 1000 ms ± 200 ms to the database",
        r"the database was late to answer all .* until healing began",
    ),
    "reset of the broker": (
        ["--fault", "reset", "--fault-target", "broker"],
        "reset of all connections to the broker",
        r"the broker reset all .* until healing began",
    ),
    "half of the service's clients": (
        ["--fault", "reset", "--fault-target", "service", "--fault-share", "0.5"],
        "reset of 50 % of connections to the service",
        r"the service reset \d+ of .* until healing began",
    ),
}


@pytest.mark.parametrize(
    ("options", "phrase", "held"),
    [
        pytest.param(*case, id=name, marks=[] if name == "latency to the broker" else pytest.mark.exhaustive)
        for name, case in CASES.items()
    ],
)
def test_the_effect_is_proven_held_and_healed(
    start: Start, left_running: EmbeddedStack, options: list[str], phrase: str, held: str
) -> None:
    run = start(*PLAN, *options, home=left_running.home)
    run.end_clean(150)
    report: Any = run.report
    guards = {guard["name"]: guard for guard in report["guards"]}
    for name in PROOFS:
        assert guards[name]["passed"], guards[name]["reason"]
    assert re.fullmatch(held, guards["fault held"]["reason"])
    (outage,) = report["outages"]
    marks = outage["marks"]
    assert marks["injecting"] < marks["injected"] < marks["healing"] < marks["healed"]
    assert outage["healed_by"] == "harness"
    assert phrase in (run.folder.path / "report.md").read_text()
    assert "degraded for" in run.printed
    assert " down" not in run.printed.partition("failure window")[0]
    assert_all_up(left_running)
    state = left_running.status()
    assert state is not None
    assert_agrees(run.folder.path, state.database_url, state.kafka_bootstrap, state.topic)
