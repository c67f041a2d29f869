"""The monitor and its client on a real broker, database, service and proxy, each broken and healed.

Each is proven down on the kept connection and on a new one, and back on both. While another component is broken, the
monitor goes on reading the offsets of the topic.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stack.kafka
from chaos.monitor.monitor import MonitorConfig
from contract.event import EventContract
from contract.run_key import RunKey
from files.paths import CHECKOUT
from health.replies import ProbeResult
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from runlog.offsets import read_observations
from runlog.probe_results import read_probe_results
from stack.embedded import EmbeddedStack
from stack.ports import HOST
from stack.process import wait_until
from tests.chaos.monitor.relay import Healthy, Relay
from tests.conftest import Infra, RestartableBroker
from tests.http_server import serving

pytestmark = pytest.mark.real

WAIT_S = 20.0


def config_of(folder: Path, bootstrap: str, topic: str, target: str, probe: ProbeSpec) -> MonitorConfig:
    return MonitorConfig(
        client={"bootstrap.servers": bootstrap},
        topic=topic,
        event=EventContract(reference=True),
        run_key=str(RunKey.random()),
        clock=AnchoredClock.anchor(),
        offsets_file=str(folder / "offsets.jsonl"),
        target=target,
        probe=probe,
        probes_file=str(folder / "probes.jsonl"),
    )


class Watched:
    """A monitor and its client, the client in a process of its own."""

    def __init__(self, folder: Path, bootstrap: str, topic: str, target: str, probe: ProbeSpec) -> None:
        self.folder = folder
        config = config_of(folder, bootstrap, topic, target, probe)
        self.clock = config.clock
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.monitor.monitor_client_process"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(config.dump())
        answer = self.wait("answer")
        assert "not_proven" not in answer, answer

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, what: str, since: float = 0.0, timeout: float = WAIT_S) -> dict[str, Any]:
        self._say(json.dumps({"await": what, "since": since, "timeout": timeout}))
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["trouble"] is None
        return answer

    def proven(self, what: str, act: Callable[[], object]) -> dict[str, Any]:
        """Do `act` and return the proof that the target is down, or up, since."""
        since = self.clock.now()
        act()
        answer = self.wait(what, since)
        assert "edge" in answer, answer
        assert since - 5 < answer["edge"][0] <= answer["edge"][1] <= self.clock.now()
        seen: dict[str, Any] = answer["seen"]
        return seen

    def proven_gone(self, act: Callable[[], object]) -> None:
        """Do `act`, which ends a process: what it served is broken, and new connections are refused once it has ended.

        One that was waiting to be accepted when the process ended is broken, too.
        """
        seen = self.proven("down", act)
        assert seen["kept"] == "broken"
        assert seen["new"] in ("broken", "refused")

        def refused() -> bool:
            return [result.how for result in self.probe_results if result.connection == "new"][-1] == "refused"

        assert wait_until(refused, 30), "new connections are not refused"

    @property
    def probe_results(self) -> list[ProbeResult]:
        return read_probe_results(self.folder / "probes.jsonl")

    def assert_offsets_go_on(self) -> None:
        """The broker answers most of the next questions for the ends of the topic."""
        begin = self.clock.now()

        def answers() -> list[bool]:
            return [seen.ok for seen in read_observations(self.folder / "offsets.jsonl") if seen.asked >= begin]

        assert wait_until(lambda: len(answers()) >= 5, 30), "the broker is not asked any more"
        assert sum(answers()) > len(answers()) / 2

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def begin(*arguments: Any) -> Watched:
        opened.append(Watched(tmp_path, *arguments))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


BOTH_UP = {"kept": "answered", "new": "answered"}
BOTH_HANGING = {"kept": "hanging", "new": "hanging"}


def test_a_harness_that_was_killed_leaves_no_traceback(infra: Infra, tmp_path: Path) -> None:
    topic, probe = infra.new_topic(), ProbeSpec("kafka", infra.kafka_bootstrap)
    config = config_of(tmp_path, infra.kafka_bootstrap, topic, "broker", probe)
    process = subprocess.Popen([sys.executable, "-m", "chaos.monitor"], cwd=CHECKOUT, stdin=-1, stdout=-1, stderr=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(config.dump().encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    probes = tmp_path / "probes.jsonl"
    seen = probes.stat().st_size
    assert wait_until(lambda: probes.stat().st_size > seen + 2000, 30), "the target is not probed any more"
    process.stdin.close()
    assert (process.wait(30), process.stderr.read()) == (0, b"")


def test_a_broker_that_is_stopped_and_one_that_is_paused(
    infra: Infra, broker: RestartableBroker, watch: Callable[..., Watched]
) -> None:
    spec = ProbeSpec("kafka", infra.kafka_bootstrap)
    watched = watch(infra.kafka_bootstrap, infra.new_topic(), "broker", spec)
    watched.proven_gone(broker.stop)
    assert watched.proven("up", broker.start) == BOTH_UP
    assert watched.proven("down", broker.pause) == BOTH_HANGING
    assert watched.proven("up", broker.resume) == BOTH_UP
    # The question for the offsets is the one on the kept connection: asked once, recorded twice.
    probe_results = watched.probe_results
    kept = {seen.asked: seen.ok for seen in probe_results if seen.connection == "kept"}
    observed = {seen.asked: seen.ok for seen in read_observations(watched.folder / "offsets.jsonl")}
    both = kept.keys() & observed.keys()
    assert len(both) >= max(len(kept), len(observed)) - 2
    assert all(kept[at] is observed[at] for at in both)
    assert len([seen for seen in probe_results if seen.connection == "new"]) > 5


def test_what_goes_on_answering_is_named(infra: Infra, watch: Callable[..., Watched]) -> None:
    watched = watch(infra.kafka_bootstrap, infra.new_topic(), "database", ProbeSpec("sql", infra.database_url))
    answer = watched.wait("down", watched.clock.now(), 0.5)["not_proven"]
    assert "timed out after 0.5 s waiting for the database to stop answering" in answer
    assert "a connection from before the fault is still served" in answer
    assert "a new connection is served" in answer
    assert infra.database_url not in (watched.folder / "monitor.log").read_text()


@pytest.mark.parametrize("act", ["stop", "kill", "pause"])
def test_a_database_that_is_down_while_the_offsets_go_on(infra: Infra, watch: Callable[..., Watched], act: str) -> None:
    database = infra.stack.database
    watched = watch(infra.kafka_bootstrap, infra.new_topic(), "database", ProbeSpec("sql", infra.database_url))
    try:
        if act == "pause":
            assert watched.proven("down", database.pause) == BOTH_HANGING
        else:
            watched.proven_gone(getattr(database, act))
        watched.assert_offsets_go_on()
        assert watched.proven("up", database.resume if act == "pause" else database.start) == BOTH_UP
    finally:
        database.resume()
        database.start()
        database.wait_ready(30)


def test_a_service_that_is_cut_off(infra: Infra, watch: Callable[..., Watched]) -> None:
    with serving(Healthy) as server:
        relay = Relay(0, (HOST, server.server_port))
        try:
            spec = ProbeSpec("http", f"http://{HOST}:{relay.port}/health", way="service")
            watched = watch(infra.kafka_bootstrap, infra.new_topic(), "service", spec)
            assert watched.proven("down", relay.frozen.set) == BOTH_HANGING
            assert watched.proven("up", relay.frozen.clear) == BOTH_UP
        finally:
            relay.close()


@pytest.mark.timeout(300)
def test_a_broker_that_only_the_service_is_cut_off_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: Callable[..., Watched]
) -> None:
    """A broker whose second listener advertises the address of a proxy; the offsets are read directly."""
    with socket.create_server((HOST, 0)) as unused:
        behind = unused.getsockname()[1]
    relay = Relay(0, (HOST, behind))
    monkeypatch.setattr(stack.kafka, "_CONFIGURATION", stack.kafka._CONFIGURATION + (
        f"listeners=PLAINTEXT://{{host}}:{{port}},RELAYED://{{host}}:{behind},CONTROLLER://{{host}}:{{controller_port}}\n"
        f"advertised.listeners=PLAINTEXT://{{host}}:{{port}},RELAYED://{{host}}:{relay.port}\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT\n"
        "inter.broker.listener.name=PLAINTEXT\n"
    ))  # fmt: skip
    embedded = EmbeddedStack(tmp_path / "relayed")
    try:
        state = embedded.up(owner="pytest", with_service=False)
        infra = Infra(embedded, state, RestartableBroker(embedded.broker))
        spec = ProbeSpec("kafka", f"{HOST}:{relay.port}", way="service")
        watched = watch(state.kafka_bootstrap, infra.new_topic(), "broker", spec)
        assert watched.proven("down", relay.frozen.set) == BOTH_HANGING
        watched.assert_offsets_go_on()
        assert watched.proven("up", relay.frozen.clear) == BOTH_UP
        # Frozen for longer than the hang limit: a new client is made, and its probes are answered again.
        assert watched.proven("down", relay.frozen.set) == BOTH_HANGING
        time.sleep(6)
        assert watched.proven("up", relay.frozen.clear) == BOTH_UP
    finally:
        embedded.clean()
        relay.close()


def test_a_broker_reached_past_the_relay_is_never_called_down(infra: Infra, watch: Callable[..., Watched]) -> None:
    """A broker that sends its clients elsewhere is not cut off by cutting the address that they begin with."""
    host, _, port = infra.kafka_bootstrap.partition(":")
    relay = Relay(0, (host, int(port)))
    try:
        spec = ProbeSpec("kafka", f"{HOST}:{relay.port}", way="service")
        watched = watch(infra.kafka_bootstrap, infra.new_topic(), "broker", spec)
        since = watched.clock.now()
        relay.frozen.set()
        answer = watched.wait("down", since, 4.0)["not_proven"]
        assert "a connection from before the fault is still served" in answer
        assert "a new connection" not in answer
    finally:
        relay.close()
