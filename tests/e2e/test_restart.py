"""A harness that ends while it restarts the order service of a stack that was there before: the service is back."""

import signal

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.endings import LONGEST_S, await_no_process
from tests.e2e.harness import SHORT, Start, assert_all_up

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
OTHER = ["--service-variant", "awaited", "--service-pool", "7"]


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive)])
def test_a_service_that_was_being_restarted_is_back_as_it_was(
    number: signal.Signals, start: Start, left_running: EmbeddedStack
) -> None:
    left_running.up(owner="make up")
    before = left_running.status()
    assert before is not None
    run = start("--headless", *SHORT, *OTHER, home=left_running.home)
    run.await_log("service restarting")
    run.signal(number)
    assert run.end(LONGEST_S) == (-signal.SIGKILL if number is signal.SIGKILL else 130), run.log[-3000:]
    await_no_process(left_running.home)
    assert_all_up(left_running)
    after = left_running.status()
    assert after is not None
    assert (after.settings, after.owner, after.proxy) == (before.settings, before.owner, before.proxy)


def test_a_service_that_was_restarted_keeps_its_settings(start: Start, left_running: EmbeddedStack) -> None:
    left_running.up(owner="make up")
    run = start("--headless", *SHORT, *OTHER, home=left_running.home)
    run.await_log("baseline:")
    run.signal(signal.SIGKILL)
    run.end(LONGEST_S)
    await_no_process(left_running.home)
    assert_all_up(left_running)
    after = left_running.status()
    assert after is not None
    assert after.settings.variant == "awaited"
