"""A watchdog that is frozen is taken over, unless its harness lives or its heal command still runs.

Real processes: a little HTTP service, its commands, watchdogs, and `python -m chaos`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.faults.restore import places, restore
from chaos.faults.watchdog.fault_controller import LEASE, FaultController
from chaos.faults.watchdog.liveness import will_be_free
from chaos.faults.watchdog.protocol import Refusal
from files.paths import CHECKOUT
from runlog import exit_codes
from stack.lease import Lease
from tests.chaos.faults.little_service import BREAK, PROOF, Charged, Little, Orphan, arm_of, await_that

pytestmark = pytest.mark.process

Capture = pytest.CaptureFixture[str]


def test_restore_takes_over_from_a_frozen_watchdog_whose_harness_has_died(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(frozen=True)
    assert not little.serves()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    printed = capsys.readouterr()
    assert f"watchdog {watchdog.process.pid} was frozen and its harness has died: it was ended" in printed.err
    assert "is healed and proven back" in printed.out
    assert watchdog.gone
    assert little.serves()


def test_a_run_that_has_healed_by_itself_meanwhile_breaks_nothing_more_after_restore(
    little: Little, charged: Callable[..., Charged]
) -> None:
    little.start()
    watchdog = charged()
    watchdog.ask("break", fault=BREAK)
    (place,) = places()
    watchdog.ask("heal")
    watchdog.ask("heal", proof=PROOF)
    assert "its run breaks nothing more" in restore(place)
    with pytest.raises(AssertionError, match="restore was asked for"):
        watchdog.ask("break", fault=BREAK)
    assert little.serves()


def test_a_frozen_watchdog_whose_harness_lives_is_left_to_it(little: Little, capsys: Capture) -> None:
    little.start()
    log = (little.folder / "watchdog.log").open("wb")
    watchdog = subprocess.Popen(
        [sys.executable, "-m", "chaos.faults.watchdog"], cwd=CHECKOUT, stdin=-1, stdout=-1, stderr=log
    )
    try:
        assert watchdog.stdin is not None
        assert watchdog.stdout is not None
        requests: list[dict[str, object]] = [
            {"do": "arm", "arm": asdict(arm_of(little))},
            {"do": "break", "fault": BREAK},
        ]
        for request in requests:
            watchdog.stdin.write(json.dumps({"id": 1, **request}).encode() + b"\n")
            watchdog.stdin.flush()
            assert "error" not in json.loads(watchdog.stdout.readline())
        watchdog.send_signal(signal.SIGSTOP)
        assert main(["restore"]) == exit_codes.NOT_READY
        said = capsys.readouterr().err
        assert f"watchdog {watchdog.pid} does not answer, and its harness (process {os.getpid()}) still runs" in said
        assert watchdog.poll() is None
    finally:
        watchdog.kill()
        watchdog.communicate()
        log.close()


@pytest.mark.exhaustive
def test_a_slow_watchdog_in_the_middle_of_a_heal_command_is_not_ended(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    heal = f"echo >> begun; while ! [ -e go ]; do sleep 0.05; done; {little.heal}"
    watchdog = orphan(heal=heal)
    await_that((little.folder / "begun").exists, "the heal command to begin")
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            restoring.wait(8)  # longer than a frozen watchdog is given to answer
        assert not watchdog.gone
        (little.folder / "go").touch()
        out, err = restoring.communicate(timeout=60)
    finally:
        restoring.kill()
    assert restoring.returncode == 0, err
    assert f"healed by watchdog {watchdog.process.pid}".encode() in out
    assert (little.folder / "begun").read_text() == "\n"
    assert little.serves()


@pytest.mark.exhaustive
def test_the_heal_command_of_a_frozen_watchdog_is_awaited_and_not_doubled(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(heal=f"echo >> begun; while ! [ -e go ]; do sleep 0.05; done; {little.heal}")
    await_that((little.folder / "begun").exists, "the heal command to begin")
    watchdog.process.suspend()
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    try:
        await_that(lambda: watchdog.gone, "the frozen watchdog to be ended")
        with pytest.raises(subprocess.TimeoutExpired):
            restoring.wait(3)
        (little.folder / "go").touch()
        _, err = restoring.communicate(timeout=60)
    finally:
        restoring.kill()
    assert restoring.returncode == 0, err
    assert (little.folder / "begun").read_text() == "\n"
    assert little.serves()


def test_restore_reports_a_failing_watchdog_at_once(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(heal="echo >> tried; false")
    await_that((little.folder / "tried").exists, "the heal command to be tried")
    assert main(["restore"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert f"watchdog {watchdog.process.pid} goes on trying" in said or "ended" in said


def test_a_frozen_watchdog_that_left_nothing_broken_gives_its_target_free(
    little: Little, orphan: Callable[..., Orphan]
) -> None:
    little.start()
    watchdog = orphan(frozen=True, broken=False)
    controller = FaultController()
    with pytest.raises(Refusal, match="already uses this target"):
        controller.arm(arm_of(little))
    assert will_be_free(Lease(little.home() / LEASE))
    assert watchdog.gone
    assert controller.arm(arm_of(little)) is None
    controller.disarm()


NEXT_START = """
from gevent import monkey; monkey.patch_all()
import logging, sys, msgspec
from pathlib import Path
from types import SimpleNamespace
from chaos.run.run_setup import arm_watchdog
from chaos.faults.watchdog.client import Watchdog
from chaos.faults.watchdog.protocol import Arm
from settings.run_settings import make_settings
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
arm = msgspec.json.decode(sys.argv[1], type=Arm)
subject = SimpleNamespace(spec=arm.target, probe=arm.probe, recipe=arm.recipe, state_dir=Path(arm.folder))
one = Watchdog(Path(sys.argv[2]))
arm_watchdog(one, subject, make_settings({}))
one.disarm()
one.end()
"""


def test_the_next_start_takes_over_from_a_frozen_watchdog_and_heals(
    little: Little, orphan: Callable[..., Orphan], tmp_path: Path
) -> None:
    little.start()
    watchdog = orphan(frozen=True)
    arm = json.dumps(asdict(arm_of(little)))
    done = subprocess.run(
        [sys.executable, "-c", NEXT_START, arm, str(tmp_path / "next.log")],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"watchdog {watchdog.process.pid} was frozen and its harness has died" in done.stdout
    assert "preflight: healed service (" in done.stdout
    assert "which run run-1 left broken (stop, " in done.stdout
    assert watchdog.gone
    assert little.serves()
