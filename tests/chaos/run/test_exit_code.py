"""One exit code: printed, in `report.json` and of the process, whatever other listeners do in a real Locust."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from files.safe_files import read_json
from reconcile.history.saved_witnesses import save_witnesses
from runlog.folder import RunFolder
from tests.e2e.harness import CHECKOUT, LOCUST
from tests.e2e.page import free_port
from tests.environment import without_options
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]
WIRING = str(CHECKOUT / "tests" / "chaos" / "run" / "recorded_locustfile.py")

SETS = """
@events.quitting.add_listener
def check_ratio(environment, **kw):
    environment.process_exit_code = {code}
"""
EVERYWHERE = """
import sys
import gevent
@events.init.add_listener
def late(environment, **kw):
    @environment.events.quitting.add_listener
    def registered_late(environment, **kw):
        environment.process_exit_code = 5
    @environment.events.test_start.add_listener
    def in_the_background(environment, **kw):
        gevent.spawn(setattr, environment, "process_exit_code", 6)
@events.test_stop.add_listener
def reporter(environment, **kw):
    raise ConnectionError("no such host")
@events.quit.add_listener
def at_quit(exit_code, **kw):
    sys.exit(7)
@events.quitting.add_listener
def overwrites(environment, **kw):
    environment.process_exit_code = 0
"""
AT_ONCE = """
import os
import atexit
atexit.register(os._exit, 0)
@events.quitting.add_listener
def leaves(**kw):
    if not os.fork():
        os._exit(9)
    os.wait()
    os._exit({code})
"""
LAST = """
import sys
class Halt(BaseException):
    pass
@events.quit.add_listener
def halts(**kw):
    sys.stdout.close()
    raise Halt
"""
EXITS = """
import sys
@events.{event}.add_listener
def leaves(**kw):
    sys.exit({code})
"""


@dataclass
class Case:
    listeners: str
    arguments: tuple[str, ...] = ("--headless",)
    expect: str = "lost-events"
    code: int = 0
    sources: tuple[str, ...] = ()


CASES = {
    "none": Case("", code=0),
    "better is not possible": Case(
        SETS.format(code=0), ("--headless", "--exit-code-on-error", "0"), expect="consistent", code=1
    ),
    "leaving with 0": Case(EXITS.format(event="quitting", code=0), expect="consistent", code=1),
    "leaving at once with 0": Case(AT_ONCE.format(code=0), expect="consistent", code=1),
    "leaving at once": Case(AT_ONCE.format(code=7), code=1, sources=("leaves (shop.py:10) called os._exit(7)",)),
    "no exception of the usual kind, and a closed stream": Case(
        LAST, code=1, sources=("halts (shop.py:5) raised Halt",)
    ),
    "everywhere": Case(
        EVERYWHERE,
        code=1,
        sources=(
            "registered_late (shop.py:8) set the exit code 5",
            "reporter (shop.py:12) raised ConnectionError",
            "at_quit (shop.py:15) called sys.exit(7)",
            "code outside of the listeners set the exit code 6",
        ),
    ),
    "leaving in the run": Case(
        EXITS.format(event="test_stopping", code="'enough'"),
        code=1,
        sources=("leaves (shop.py:3) called sys.exit('enough')",),
    ),
    "web UI that ends by itself": Case(
        SETS.format(code=3),
        ("--autostart", "--autoquit", "0", "--web-port", "PORT"),
        code=1,
        sources=("check_ratio (shop.py:4) set the exit code 3",),
    ),
    "Locust itself": Case(
        "",
        ("--headless", "--html", "/dev/null/page.html"),
        code=1,
        sources=("Locust ended early by FileExistsError",),
    ),
}


@dataclass
class Ended:
    code: int
    printed: str
    log: str
    report: dict[str, Any]
    judged_again: int


def record(path: Path, expect: str) -> RunFolder:
    builder = RunBuilder(facts=facts(expect=expect)).calm(0).order(6, 12, event=False)
    folder = RunFolder(path)
    builder.write(folder)
    history = builder.history()
    save_witnesses(folder, KEY, history.rows, history.events)
    confirm_all(folder, history)
    return folder


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """All cases, side by side."""
    top = tmp_path_factory.mktemp("ends")
    clean = without_options()
    begun = []
    for number, case in enumerate(CASES.values()):
        folder = record(top / str(number) / "20261123-073000-4f2a", case.expect)
        arguments = [str(free_port()) if text == "PORT" else text for text in case.arguments]
        process = subprocess.Popen(
            [str(LOCUST), "-f", WIRING, "--runs-dir", str(top / "runs"), "--expect", case.expect, *arguments],
            env={
                **clean, "RECORDED": str(folder.path), "LISTENERS": case.listeners, "PYTHONPATH": str(CHECKOUT)
            },
            cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        begun.append((process, folder))
    found = {}
    for name, (process, folder) in zip(CASES, begun, strict=True):
        printed, log = process.communicate(timeout=90)
        report = read_json(folder.report)
        again = subprocess.run([sys.executable, "-m", "reconcile", str(folder.path), "--quiet"], env=clean, check=False)
        assert read_json(folder.report) == report
        found[name] = Ended(process.returncode, printed, log, report, again.returncode)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_exit_code_is_one(ended: dict[str, Ended], name: str) -> None:
    case, end = CASES[name], ended[name]
    last = [line for line in end.printed.splitlines() if line.startswith("exit code ")][-1:]
    assert (end.code, end.report["exit_code"], end.judged_again, last) == (
        case.code, case.code, case.code, [f"exit code {case.code}"]
    ), end.log[-3000:]  # fmt: skip
    assert end.report["verdict"] == "inconsistent"


@pytest.mark.parametrize("name", CASES)
def test_what_makes_it_worse_is_named_with_its_source(ended: dict[str, Ended], name: str) -> None:
    case, end = CASES[name], ended[name]
    raised_by = end.report["exit_code_raised_by"]
    assert len(raised_by) == len(case.sources), raised_by
    printed = " ".join(end.printed.split())
    for source in case.sources:
        assert any(source in reason for reason in raised_by), raised_by
        assert source in printed
        assert source in end.log


def test_a_refusal_in_preflight_is_the_last_thing_on_the_screen(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(LOCUST), "-f", WIRING, "--runs-dir", str(tmp_path / "runs"), "--headless", "--locust-output"],
        env={
            **without_options(), "RECORDED": str(tmp_path), "LISTENERS": SETS.format(code=5), "LOCUST_TOPIC": "orders",
            "PYTHONPATH": str(CHECKOUT),
        },
        cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout
    assert "Response time percentiles" in done.stdout
    assert done.stdout.splitlines()[-1] == "error: preflight: LOCUST_TOPIC=orders (environment): it does not exist"


def test_streams_that_are_closed_cost_no_verdict(tmp_path: Path) -> None:
    folder = record(tmp_path / "20261123-073000-4f2a", "lost-events")
    command = f'"{LOCUST}" -f "{WIRING}" --headless --expect lost-events --runs-dir "{tmp_path}/runs" <&- >&- 2>&-'
    env = {**without_options(), "RECORDED": str(folder.path), "LISTENERS": "", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(["bash", "-c", command], env=env, cwd=CHECKOUT, timeout=60, check=False)
    assert done.returncode == read_json(folder.report)["exit_code"] == 0


TWO_LEAVE = """
from gevent import monkey; monkey.patch_all()
import os
import gevent
from locust.event import Events
from chaos.run.exit_code_listeners import Listeners, leave
class ProcessEnd:
    is_over, code = False, 3
    def at_exit(self):
        gevent.sleep(0.2)
        print("ended", flush=True)
        leave(self.code)
listeners = Listeners()
listeners.watch(Events())
listeners.ending = ProcessEnd()
users = [gevent.spawn(os._exit, 0), gevent.spawn(os._exit, 7)]
gevent.sleep(0.05)
gevent.killall(users)
gevent.sleep(30)
"""


def test_a_user_that_leaves_at_once_and_is_killed_with_the_load_cuts_no_end_short() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_LEAVE], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (3, "ended\n"), done.stderr
