"""A row of the crash matrix for containers: each way in which a harness can end, with the container faults in turn."""

import time

import pytest

from chaos.faults.registry import FAULTS
from chaos.faults.targets import COMPONENTS
from stack.compose import ComposeStack
from stack.compose_project import SERVICES
from tests.e2e.endings import BY_NAME, ENDINGS, assert_healed, await_no_process, journals, judge_with, play
from tests.e2e.harness import Start
from tests.e2e.page import free_port

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
# With `make test-all` those that leave the healing to the watchdog, and one that does not; all with `make night`.
SAMPLE = {"SIGHUP", *(ending.name for ending in ENDINGS if ending.killed)}
ABLE = [name for name, fault in FAULTS.items() if fault.container is not None]
ROW = [
    pytest.param(
        (ABLE[place % len(ABLE)], COMPONENTS[place % len(COMPONENTS)], ending.name),
        id=ending.name,
        marks=pytest.mark.exhaustive if ending.name in SAMPLE else pytest.mark.night,
    )
    for place, ending in enumerate(ENDINGS)
]


@pytest.mark.parametrize("case", ROW)
def test_a_project_that_was_there_before_is_up_again(
    case: tuple[str, str, str], start: Start, by_hand: ComposeStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fault, component, ending = case
    target = ["--stack", "compose", "--compose-project", by_hand.name, "--fault", fault, "--fault-target", component]
    run = play(BY_NAME[ending], start, tmp_path_factory.mktemp("planted"), free_port(), target)
    await_no_process(run.env["HARNESS_STACK_HOME"])
    # Each part answers by now; the engine's own health checks come round only every few seconds.
    deadline = time.monotonic() + 60
    while sick := [found.detail for found in map(by_hand.project.probe, SERVICES) if not found.ok]:
        assert time.monotonic() < deadline, sick
        time.sleep(0.5)
    assert journals(run.env) == []
    assert_healed(run)
    where = by_hand.project.addresses()
    report = judge_with(run, where.database_url, where.kafka_bootstrap)
    assert len(report["outages"]) == 1
    assert report["verdict"] != "consistent" or ending == "normal end"
