"""Harness and watchdog are both killed in an outage, and the heal command was wrong: nothing is called healed."""

import signal
import subprocess
import sys

import psutil
import pytest

from tests.chaos.faults.little_service import await_that
from tests.conftest import Infra
from tests.e2e.harness import CHECKOUT, LocustProcess
from tests.external.conftest import OpenShopOf, StartExternal
from tests.external.test_run_external import PLAN

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def chaos(run: LocustProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "chaos", *arguments],
        cwd=CHECKOUT, env=run.env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def kill_both(run: LocustProcess) -> None:
    (watchdog,) = [
        each for each in psutil.Process(run.process.pid).children() if "chaos.faults.watchdog" in each.cmdline()
    ]
    watchdog.suspend()
    run.signal(signal.SIGKILL)
    run.process.wait(30)
    watchdog.kill()
    await_that(lambda: not watchdog.is_running() or watchdog.status() == psutil.STATUS_ZOMBIE, "the watchdog's end")


@pytest.mark.exhaustive
def test_restore_proves_and_corrected_commands_heal_at_the_next_start(
    open_shop: OpenShopOf, start_external: StartExternal, infra: Infra
) -> None:
    shop = open_shop()
    wrong = [*shop.pair[:2], "--heal-command", "true"]
    first = start_external(*PLAN, *shop.options, *wrong, "--outage", "2m", **shop.environment)
    first.await_log("proven down", 90)
    kill_both(first)

    restored = chaos(first, "restore", "--timeout", "3s")
    assert restored.returncode == 4, restored.stdout
    assert "is not proven back" in restored.stderr
    assert not infra.stack.broker.is_alive()
    status = chaos(first, "status")
    assert (status.returncode, f"by run {first.folder.run_id}" in status.stdout) == (3, True)

    # Refused by its preflight, after what was left broken is healed: this is about the start alone.
    second = start_external(*PLAN, *shop.options, *shop.pair, "--topic", "no-such-topic", **shop.environment)
    assert second.end(120) == 4, second.log[-3000:]
    assert f"which run {first.folder.run_id} left broken (stop, " in second.log
    assert "preflight: healed broker (" in second.log
    assert infra.stack.health(5.0)["broker"].ok
    assert chaos(first, "status").returncode == 0
