"""A little HTTP service that a pair of commands stops and starts, and journals of runs that left it broken."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import psutil

from chaos.faults.journal import JOURNAL, Journal, OpenFault, this_boot
from chaos.faults.limits import Limits
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.command import open_command_target
from chaos.faults.watchdog.protocol import Arm
from files.paths import CHECKOUT
from health.spec import ProbeRecipe, ProbeSpec
from runlog.clock import AnchoredClock
from stack.state_dir import make_private, target_home

WAIT_S: Final = 30.0
BREAK: Final = {"run_id": "run-1", "fault": "stop", "outage": 0, "clock": [0.0, 0.0]}
PROOF: Final = {"edge": [1.0, 2.0], "seen": {"kept": "broken", "new": "refused"}}


def await_that(condition: Callable[[], bool], awaited: str, limit_s: float = WAIT_S) -> None:
    """Wait until `condition` holds; fail after `limit_s` seconds with what was awaited."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {limit_s:g} s waiting for {awaited}"
        time.sleep(0.02)


@dataclass
class Little:
    """The service. It answers 200 while it runs; nothing listens on its port while it does not."""

    folder: Path
    port: int = field(init=False)
    _started: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def heal(self) -> str:
        """The right heal command: starts it in a session of its own, waits until it answers; harmless when it runs."""
        serve = f"{sys.executable} -m http.server --bind 127.0.0.1 {self.port}"
        ask = f"import urllib.request as u; u.urlopen('{self.url}', timeout=5)"
        start = f"setsid {serve} >server.log 2>&1 & echo $! > pid"
        return (
            f"if ! kill -0 $(cat pid 2>/dev/null) 2>/dev/null; then {start}; fi; "
            f'until {sys.executable} -c "{ask}" 2>/dev/null; '
            "do sleep 0.05; done"
        )

    @property
    def stop(self) -> str:
        """The right break command."""
        return "kill -9 $(cat pid); rm pid"

    def run(self, command: str) -> None:
        subprocess.run(["sh", "-c", command], cwd=self.folder, check=True, timeout=WAIT_S)

    def start(self) -> None:
        self.run(self.heal)
        await_that(self.serves, "the little service to answer")

    def serves(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        try:
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        except (OSError, ValueError):
            return

    def spec(self, **commands: str) -> TargetSpec:
        """The service as a command target; the right commands where no others are given."""
        given = {"break": self.stop, "heal": self.heal, "shell": "yes", "folder": str(self.folder)}
        return TargetSpec("command", "service", {**given, "probed": self.url, **commands})

    @property
    def recipe(self) -> ProbeRecipe:
        return ProbeRecipe("http", self.url)

    def home(self) -> Path:
        """Folder of the target's lease and journal."""
        make_private(home := target_home(open_command_target(self.spec()).identity))
        return home

    def left_broken(self, *, proven: bool = True, marks: str = "", **fields: Any) -> Journal:
        """Write the journal of run run-1, which broke the service and ended without healing it."""
        commands = {name: fields.pop(name) for name in ("break", "heal", "check") if name in fields}
        spec, clock = self.spec(**commands), AnchoredClock.anchor()
        entry = OpenFault(
            run_id="run-1",
            fault=fields.pop("fault", "stop"),
            target=spec,
            described=open_command_target(spec).describe(),
            at=clock.now(),
            pid=2**22 + 1,
            undo={"act": "mark-1"},
            marks=marks,
            clock=(clock.epoch, clock.monotonic),
            boot=this_boot(),
            proven=proven,
            limits=fields.pop("limits", Limits(20.0, 1.5)),
            **{"recipe": self.recipe, **fields},
        )
        journal = Journal(self.home() / JOURNAL)
        journal.open(entry)
        return journal


@dataclass
class Orphan:
    """A real watchdog that owns the little service, whose harness has died while the service was broken."""

    process: psutil.Process

    @classmethod
    def left(cls, little: Little, *, broken: bool = True, frozen: bool = False, **commands: str) -> "Orphan":
        """Let a harness arm a watchdog, break the service, freeze the watchdog if wanted, and die by SIGKILL."""
        arm = {
            "target": asdict(little.spec(**commands)),
            "probe": {"protocol": "http", "address": little.url},
            "recipe": asdict(little.recipe),
            "folder": str(little.home()),
            "max_outage": 600.0,
            "limits": {"command": 60.0, "proof": 45.0},
        }
        code = (
            "import json, os, signal, subprocess, sys, time\n"
            "arm, broken, frozen, log = json.loads(sys.argv[1])\n"
            "arm['harness'] = os.getpid()\n"
            "one = subprocess.Popen([sys.executable, '-m', 'chaos.faults.watchdog'], stdin=subprocess.PIPE,\n"
            "    stdout=subprocess.PIPE, stderr=open(log, 'ab'), start_new_session=True)\n"
            "now = time.time(), time.monotonic()\n"
            "fault = {'run_id': 'run-1', 'fault': 'stop', 'outage': 0, 'clock': now}\n"
            "proof = {'edge': [1.0, 2.0], 'seen': {'kept': 'broken', 'new': 'refused'}}\n"
            "requests = [{'do': 'arm', 'arm': arm}]\n"
            "requests += [{'do': 'break', 'fault': fault}, {'do': 'break', 'proof': proof}] if broken else []\n"
            "for number, request in enumerate(requests):\n"
            "    one.stdin.write(json.dumps({'id': number, **request}).encode() + b'\\n')\n"
            "    one.stdin.flush()\n"
            "    answer = {}\n"
            "    while 'id' not in answer:\n"
            "        answer = json.loads(one.stdout.readline())\n"
            "    assert 'error' not in answer, answer\n"
            "if frozen:\n"
            "    one.send_signal(signal.SIGSTOP)\n"
            "print(one.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps([arm, broken, frozen, str(little.folder / "watchdog.log")])],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.strip().isdigit(), done.stderr
        return cls(psutil.Process(int(done.stdout)))

    @property
    def gone(self) -> bool:
        return not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE

    def close(self) -> None:
        if not self.gone:
            self.process.kill()


def arm_of(little: Little, **commands: str) -> Arm:
    """The target of the little service, as this process owns it."""
    probe = ProbeSpec("http", little.url)
    return Arm(os.getpid(), little.spec(**commands), probe, little.recipe, str(little.home()), 60.0, Limits(20.0, 1.5))


def runs_of(little: Little) -> int:
    """How often a command has written a line into the file `ran`."""
    return len((little.folder / "ran").read_text().splitlines())


class Charged:
    """A watchdog of this process that owns the little service."""

    def __init__(self, little: Little, **commands: str) -> None:
        with (little.folder / "watchdog.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "chaos.faults.watchdog"], cwd=CHECKOUT, stdin=-1, stdout=-1, stderr=log
            )
        self.ask("arm", arm=asdict(replace(arm_of(little, **commands), limits=Limits(300.0, 30.0))))

    def send(self, do: str, **fields: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": 1, "do": do, **fields}).encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def answer(self) -> dict[str, Any]:
        while "id" not in (said := self.read()):
            pass
        return said

    def ask(self, do: str, **fields: object) -> None:
        """Send a request and wait until it is answered."""
        self.send(do, **fields)
        said = self.answer()
        assert "error" not in said, said

    def hang_up(self) -> None:
        """Close its input, as the death of a harness does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def close(self) -> None:
        """Let it heal to its end first: a heal command that it leaves behind would wait for ever."""
        self.hang_up()
        try:
            self.process.wait(WAIT_S)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
