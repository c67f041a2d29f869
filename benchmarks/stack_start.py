"""How long the embedded stack takes to be ready, warm, and how long its parts take, started one after the other.

Warm: packages, jars and data folders exist, no process runs. Ready is the same for every way: each part answers on its
own protocol (a query, a metadata request, the health endpoint).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import load_average
from benchmarks.plain_broker import PlainBroker
from benchmarks.result import Aim, Result, Table
from stack import kafka_archive, ports, process
from stack.component import ManagedProcess
from stack.embedded import EmbeddedStack
from stack.kafka import Broker
from stack.postgres import Database
from stack.service import Service, fingerprint
from stack.settings import ServiceSettings
from stack.state_file import StackState
from stack.state_store import StateStore

NAME: Final = "stack"
REPETITIONS: Final = 5
QUICK_REPETITIONS: Final = 2
AIM_S: Final = 5.0
READY_S: Final = 60.0
PARTS: Final = ("database", "broker", "service")
AFTER_A_KILL: Final = ("broker restart after a kill", "times ours")
WAYS: Final = {
    "ours": "`python -m stack up`",
    "in turn": "same parts, one after the other",
    "by hand": "one after the other, Kafka with its defaults",
}
METHOD = """\
Seconds until PostgreSQL, Kafka and the order service answer, warm: packages, jars and data folders exist, no process
runs, all were stopped in order. Three ways take turns in each repetition, each with data folders of its own: our `up`;
the same three parts started one after the other; and "by hand", likewise but with Kafka's own default timeouts and no
class archive. Then the broker is killed (SIGKILL) and started again: with its defaults it waits until the registration
of its former process expires, which would lengthen an outage by kill.

The columns of the parts are each part's own time: in our `up` the parts start at the same time. "times ours" divides
medians."""

Seconds = dict[str, float]


class InTurn:
    """A stack of the same parts, started one after the other.

    Args:
        home: its folder.
        make_broker: which Kafka it takes.
    """

    def __init__(self, home: Path, make_broker: Callable[[StateStore], Broker]) -> None:
        self._store = StateStore(home)
        self._database = Database(self._store)
        self.broker = make_broker(self._store)
        self._parts: tuple[ManagedProcess, ...] = (self._database, self.broker, Service(self._store))

    def start(self) -> Seconds:
        """Start and await each part; return the seconds of each, and of all."""
        self._store.home.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        self._store.begin("benchmark", ServiceSettings())
        taken: Seconds = {}
        for part in self._parts:
            before = time.monotonic()
            for _ in part.prepare():
                time.sleep(process.POLL_S)
            part.start_on(ports.choose(), self._extra(part))
            part.wait_ready(READY_S)
            taken[part.name] = time.monotonic() - before
        return taken | {"ready": time.monotonic() - begun}

    def stop(self) -> None:
        """Stop the parts in order, the service first; a part that does not stop within 20 s is killed."""
        for part in reversed(self._parts):
            part.request_stop()
            part.discard(20.0)

    def clean(self) -> None:
        """Stop, and delete the data."""
        self.stop()
        self._database.remove_data()
        self._store.delete()

    def _extra(self, part: ManagedProcess) -> dict[str, object]:
        if part.name == "broker":
            return {"controller_port": ports.choose()}
        return fingerprint(self._state()) if part.name == "service" else {}

    def _state(self) -> StackState:
        state = self._store.load()
        if state is None:
            raise RuntimeError("the benchmark's own stack was stopped while it was starting")
        return state


class Ours:
    """The embedded stack, as `python -m stack up` starts it."""

    def __init__(self, home: Path) -> None:
        self._taken: Seconds = {}
        self._stack = EmbeddedStack(home, self._note)
        self.broker = self._stack.broker

    def start(self) -> Seconds:
        """Start it; return the seconds until each part was ready, and all."""
        self._taken = {}
        begun = time.monotonic()
        self._stack.up(owner="benchmark")
        return self._taken | {"ready": time.monotonic() - begun}

    def stop(self) -> None:
        """Stop it."""
        self._stack.down()

    def clean(self) -> None:
        """Stop, and delete the data."""
        self._stack.clean()

    def _note(self, step: str, state: str, seconds: float | None) -> None:
        if step in PARTS and state == "ready" and seconds is not None:
            self._taken[step] = seconds


def run(quick: bool) -> Result:
    """Start each way several times, in turn."""
    kafka_archive.ensure()
    with tempfile.TemporaryDirectory(prefix="benchmark-stack-") as folder:
        ways: dict[str, Ours | InTurn] = {
            "ours": Ours(Path(folder) / "ours"),
            "in turn": InTurn(Path(folder) / "turn", Broker),
            "by hand": InTurn(Path(folder) / "hand", PlainBroker),
        }
        try:
            for way in ways.values():  # makes the data folders; not counted
                way.start()
                way.stop()
            runs = [_repetition(ways) for _ in range(QUICK_REPETITIONS if quick else REPETITIONS)]
        finally:
            for way in ways.values():
                way.clean()
    return _result(runs)


def _repetition(ways: dict[str, Ours | InTurn]) -> dict[str, Any]:
    found: dict[str, Any] = {"load_average": load_average()}
    for name, way in ways.items():
        found[name] = way.start()
        way.broker.kill()
        begun = time.monotonic()
        way.broker.start()
        way.broker.wait_ready(READY_S)
        found[name]["again"] = time.monotonic() - begun
        way.stop()
    return found


def _result(runs: list[dict[str, Any]]) -> Result:
    def median(way: str, part: str) -> float:
        return float(statistics.median(run[way][part] for run in runs))

    ours = median("ours", "ready")
    summary = [
        [
            text,
            f"{median(way, 'ready'):.2f} s",
            f"{median(way, 'ready') / ours:.2f}",
            *(f"{median(way, part):.2f} s" for part in PARTS),
            f"{min(run[way]['ready'] for run in runs):.2f} to {max(run[way]['ready'] for run in runs):.2f} s",
            f"{median(way, 'again'):.2f} s",
            f"{median(way, 'again') / median('ours', 'again'):.2f}",
        ]
        for way, text in WAYS.items()
    ]
    each = [
        [str(number), *(f"{run[way]['ready']:.2f} s" for way in WAYS), run["load_average"]]
        for number, run in enumerate(runs, start=1)
    ]
    slowest = max(PARTS, key=lambda part: median("ours", part))
    bound = f"the {slowest} is ready last, after {median('ours', slowest):.2f} s"
    return Result(
        name=NAME,
        title="Time until the stack is ready",
        method=METHOD,
        tables=[
            Table(["way", "ready (median)", "times ours", *PARTS, "from, to", *AFTER_A_KILL], summary),
            Table(["repetition", *WAYS, "load average"], each),
        ],
        aims=[Aim(f"ready, warm, within {AIM_S:g} s (median)", f"{ours:.2f} s", ours <= AIM_S, bound)],
        figures={"repetitions": runs},
    )
