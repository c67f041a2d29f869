"""The monitor beside a Kafka behind SASL_SSL: it sees down and back, and says why it is not let in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaos.monitor.monitor import MonitorConfig
from contract.event import EventContract
from contract.run_key import RunKey
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from tests.kafka_secure import SecureKafka
from tests.marks import only
from tests.security.secure_clients import assert_clear, put, wrong_client

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CHECKOUT = Path(__file__).resolve().parents[2]


def monitor_config(client: dict[str, str], topic: str, key: RunKey, folder: Path) -> str:
    (folder / "offsets.jsonl").touch()
    clock = AnchoredClock.anchor()
    config = MonitorConfig(
        client=client,
        topic=topic,
        event=EventContract(reference=True),
        run_key=str(key),
        clock=clock,
        offsets_file=str(folder / "offsets.jsonl"),
        target="broker",
        probe=ProbeSpec("kafka", client["bootstrap.servers"], client),
        probes_file=str(folder / "probes.jsonl"),
    )
    return config.dump() + "\n"


class Monitor:
    """A monitor process as the harness starts it, read line by line."""

    def __init__(self, config: str, log: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaos.monitor"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )
        self.said: list[str] = []
        self.send(config)

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def await_that(self, true: Callable[[Any], bool], awaited: str, timeout_s: float = 40.0) -> None:
        """Read on until a line of it is as wanted; it says something many times a second, or ends."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_s
        for line in self.process.stdout:
            self.said.append(line)
            if true(json.loads(line)):
                return
            if time.monotonic() > deadline:
                break
        pytest.fail(f"waited for {awaited}; the monitor said last: {self.said[-1:]}")

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=20)


def test_the_monitor_sees_down_and_back_and_counts_events(secure: SecureKafka, topic: str, tmp_path: Path) -> None:
    key = RunKey.random()
    monitor = Monitor(monitor_config(secure.client(), topic, key, tmp_path), tmp_path / "monitor.log")
    try:
        monitor.await_that(lambda said: "ends" in said.get("seen", ""), "an answer")
        child = psutil.Process(monitor.process.pid)
        assert secure.password not in " ".join(child.cmdline()) + str(child.environ())
        secure.broker.kill()
        monitor.await_that(lambda said: "error" in said.get("seen", ""), "no answer")
        secure.broker.start()
        secure.broker.wait_ready(60.0)
        monitor.await_that(lambda said: "ends" in said.get("seen", ""), "an answer again")
        monitor.send("tail\n")
        monitor.await_that(lambda said: said.get("own") == 0, "it to follow the topic")
        put(secure, topic, (uuid.uuid4(), key.customer_id(1)), (uuid.uuid4(), uuid.uuid4()))
        monitor.await_that(lambda said: said.get("own") == 1, "the run's own event")
    finally:
        monitor.close()
        secure.broker.start()
        secure.broker.wait_ready(60.0)
    # Down is not refused: no message asks for a change of properties that are right.
    assert [why for line in monitor.said if (why := json.loads(line).get("why"))] == []
    left = (tmp_path / "offsets.jsonl").read_text() + (tmp_path / "monitor.log").read_text() + "".join(monitor.said)
    assert secure.password not in left


@pytest.mark.parametrize("case", only(["password"], ["password", "ca", "plain", "no file", None]))
def test_a_monitor_that_is_not_let_in_says_why(
    secure: SecureKafka, topic: str, tmp_path: Path, case: str | None
) -> None:
    client, words = wrong_client(secure, case) if case else (secure.client(), "")
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.watching", str(tmp_path / "monitor.log"), words],
        cwd=CHECKOUT,
        input=monitor_config(client, topic, RunKey.random(), tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    why = json.loads(done.stdout)["why"]
    left = (tmp_path / "offsets.jsonl").read_text() + (tmp_path / "monitor.log").read_text()
    assert secure.password not in left
    assert "planted" not in left
    if case is None:
        assert why is None
    else:
        assert_clear(why, words, secure)
