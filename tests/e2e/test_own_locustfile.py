"""A user's own locustfile with our shape, ledger and reconciler, as `examples/` has it, on real parts."""

from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, Start, assert_all_up, failed_guards
from tests.e2e.independent import count_run, ids_in

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
EXAMPLE = str(CHECKOUT / "examples" / "own_locustfile.py")


@pytest.mark.exhaustive
def test_the_example_names_exactly_the_lost_events(start: Start, left_running: EmbeddedStack, stack_home: Any) -> None:
    plan = ["-f", EXAMPLE, "--headless", *SHORT, "--expect", "lost-events", "--locust-output"]
    run = start(*plan, home=stack_home)
    assert run.end(120) == 0, run.log[-4000:]
    report, state = run.report, left_running.status()
    assert state is not None
    counts: Any = report["counts"]
    key = run.marks["started"].detail["run"]
    truth = count_run(state.database_url, state.kafka_bootstrap, state.topic, key)
    assert set(ids_in(run.folder.path / "lost-events.csv")) == truth.lost
    assert len(truth.lost) >= 10
    assert counts["rows"] == len(truth.rows)
    # 20 users, once a second each, for 8 s and the fault's own edges.
    assert 20 * 5 < counts["attempted"] < 20 * 60
    assert counts["attempted"] == counts["due"]
    assert failed_guards(report) == {}
    # What the users do beside orders is in Locust's statistics and in no count of ours.
    assert "look around" in run.log + run.printed
    assert_all_up(left_running)


def test_its_users_cannot_provoke_phantoms(start: Start, left_running: EmbeddedStack, stack_home: Any) -> None:
    run = start("-f", EXAMPLE, "--headless", *SHORT, "--scenario", "phantom-event", home=stack_home)
    assert run.end(60) == 4
    assert "--scenario phantom-event: only the harness's own users" in run.log
