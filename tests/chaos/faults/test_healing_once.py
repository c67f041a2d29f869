"""What heals is done once while it may still work, and nothing that still breaks keeps it from being done."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.__main__ import main
from chaos.faults.limits import Limits
from chaos.faults.watchdog.fault_controller import LEASE, FaultController
from chaos.faults.watchdog.protocol import Break
from files.paths import CHECKOUT
from runlog import exit_codes
from stack.lease import Lease
from tests.chaos.faults.little_service import BREAK, Charged, Little, Orphan, arm_of, await_that, runs_of

pytestmark = pytest.mark.process

Capture = pytest.CaptureFixture[str]


def restarts(little: Little) -> str:
    """A heal command that ends with 0 long before the service serves, and that begins from nothing when run again."""
    serve = f"echo $$ > pid; sleep 2; exec {sys.executable} -m http.server --bind 127.0.0.1 {little.port}"
    return f"echo >> ran; kill -9 $(cat pid) 2>/dev/null; setsid sh -c '{serve}' >/dev/null 2>&1 &"


def test_a_heal_command_that_ended_well_is_given_all_the_time_of_the_proof(little: Little, capsys: Capture) -> None:
    little.left_broken(heal=restarts(little), limits=Limits(20.0, 4.5))
    assert main(["restore"]) == exit_codes.AS_EXPECTED, capsys.readouterr().err
    assert runs_of(little) == 1
    assert little.serves()


def test_a_harness_that_dies_after_its_heal_command_has_ended_does_not_double_it(little: Little) -> None:
    little.start()
    controller = FaultController()
    controller.arm(replace(arm_of(little, heal=restarts(little)), limits=Limits(20.0, 30.0)))
    controller.inject(Break("run-1", "stop", 0, (0.0, 0.0)))
    assert controller.heal() == controller.heal()
    controller.retire("the harness is gone")
    assert runs_of(little) == 1
    assert little.serves()
    controller.disarm()


def test_a_heal_command_is_run_again_once_the_time_of_its_proof_is_over(little: Little) -> None:
    controller = FaultController()
    controller.arm(replace(arm_of(little, heal="echo >> ran", **{"break": "true"}), limits=Limits(20.0, 0.2)))
    controller.inject(Break("run-1", "stop", 0, (0.0, 0.0)))
    controller.heal()
    await_that(lambda: controller.heal() is not None and runs_of(little) > 1, "another run of the heal command")
    controller.disarm()


def test_a_heal_command_that_a_dead_watchdog_left_running_may_have_failed(
    little: Little, orphan: Callable[..., Orphan]
) -> None:
    little.start()
    first = "if ! [ -e begun ]; then touch begun; while ! [ -e go ]; do sleep 0.05; done; exit 1; fi"
    watchdog = orphan(heal=f"{first}; {little.heal}")
    await_that((little.folder / "begun").exists, "the heal command to begin")
    watchdog.process.kill()
    await_that(lambda: watchdog.gone, "the end of the watchdog")
    restoring = subprocess.Popen(
        [sys.executable, "-m", "chaos", "restore", "--timeout", "2s"], cwd=CHECKOUT, stdout=-1, stderr=-1
    )
    (little.folder / "go").touch()
    assert restoring.wait(60) == 0
    restoring.communicate()
    assert little.serves()


def test_a_disk_that_takes_nothing_keeps_no_target_broken(little: Little) -> None:
    journal = little.left_broken(heal=f"ulimit -S -f unlimited; {little.heal}")
    once = Lease(little.home() / LEASE)
    once.take()
    once.give_back()
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)); "
    code += "from chaos.__main__ import main; raise SystemExit(main(['restore']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert little.serves()
    assert journal.left_open() is None
    assert not Lease(little.home() / LEASE).holder()


def test_ctrl_c_ends_restore_and_no_heal_command(little: Little) -> None:
    journal = little.left_broken(heal=f"echo >> ran; while ! [ -e go ]; do sleep 0.05; done; {little.heal}")
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    await_that((little.folder / "ran").exists, "the heal command to begin")
    restoring.send_signal(signal.SIGINT)
    _, err = restoring.communicate(timeout=30)
    assert (restoring.returncode, err.count(b"\n")) == (130, 1), err
    assert err.startswith(b"interrupted: a heal command that was started goes on")
    assert journal.left_open() is not None
    (little.folder / "go").touch()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert runs_of(little) == 1


# -- a break command that is still at work ----------------------------------------------------------------------------

HANGS = "kill -9 $(cat pid); rm pid; touch broken; exec sleep 600"


@pytest.mark.parametrize("end", ["SIGKILL of the harness", "SIGTERM", "restore", "another request"])
def test_a_break_command_that_hangs_does_not_delay_healing(
    little: Little, charged: Callable[..., Charged], end: str
) -> None:
    little.start()
    watchdog = charged(**{"break": HANGS})
    watchdog.send("break", fault=BREAK)
    await_that((little.folder / "broken").exists, "the break command to hang")
    if end == "SIGKILL of the harness":
        watchdog.hang_up()
    elif end == "SIGTERM":
        watchdog.process.terminate()
    elif end == "restore":
        assert main(["restore"]) == exit_codes.AS_EXPECTED
    else:
        watchdog.send("heal")
    await_that(little.serves, "the service to answer again")


def test_a_break_command_that_is_waited_for_is_not_ended(little: Little, charged: Callable[..., Charged]) -> None:
    little.start()
    watchdog = charged(**{"break": "while ! [ -e go ]; do sleep 0.05; done; touch whole"})
    watchdog.send("break", fault=BREAK)
    assert all("working" in watchdog.read() for _ in range(3))
    (little.folder / "go").touch()
    assert "error" not in watchdog.answer()
    assert (little.folder / "whole").exists()


def test_a_request_to_break_from_a_harness_that_is_gone_breaks_nothing(
    little: Little, charged: Callable[..., Charged]
) -> None:
    little.start()
    watchdog = charged(**{"break": "touch broken"})
    watchdog.process.send_signal(signal.SIGSTOP)
    watchdog.send("break", fault=BREAK)
    watchdog.hang_up()
    watchdog.process.send_signal(signal.SIGCONT)
    assert watchdog.process.wait(60) == 0
    assert not (little.folder / "broken").exists()
    assert main(["status"]) == exit_codes.AS_EXPECTED
