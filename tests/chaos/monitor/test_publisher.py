"""What the monitor's threads publish, also when a prober fails or the disk is full, and the monitor's configuration."""

import io
import json
import threading
import time
from pathlib import Path

import msgspec
import pytest

from chaos.monitor.monitor import MonitorConfig
from chaos.monitor.publisher import ObservationPublisher, ProbePace, asking
from contract.event import EventContract
from contract.run_key import RunKey
from health.patience import Patience
from health.probers import open_probers
from health.replies import ProbeResult, Reply
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from runlog.probe_results import read_probe_results

# The first case fails to connect, which is all that it does.
pytestmark = pytest.mark.process


class Sudden:
    """A prober that fails in an unforeseen way."""

    def ask(self, timeout_s: float) -> Reply:
        raise RuntimeError("a bug")

    def close(self) -> None:
        """It holds nothing."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_prober_that_fails_is_reported_and_one_that_is_stopped_is_not(tmp_path: Path) -> None:
    out, stop, clock = io.StringIO(), threading.Event(), AnchoredClock.anchor()
    publisher = ObservationPublisher(out, str(tmp_path / "offsets"), str(tmp_path / "probes"))
    closed = open_probers(ProbeSpec("sql", "host=127.0.0.1 port=1"))
    with asking(
        closed.new, "new", ProbePace(0.01, 0.5), patience=Patience(), clock=clock, publisher=publisher, stop=stop
    ):
        while not out.getvalue():
            time.sleep(0.01)
    assert '"trouble": null' in out.getvalue()
    assert {seen.how for seen in read_probe_results(tmp_path / "probes")} == {"refused"}
    with asking(
        Sudden(), "kept", ProbePace(0.01, 0.1), patience=Patience(), clock=clock, publisher=publisher, stop=stop
    ):
        deadline = time.monotonic() + 10
        while publisher.trouble is None and time.monotonic() < deadline:
            time.sleep(0.01)
    assert publisher.trouble == "the monitor has stopped probing the target on a kept connection"
    publisher.close()


def test_a_full_disk_stops_the_recording_but_not_the_sending(tmp_path: Path) -> None:
    out = io.StringIO()
    publisher = ObservationPublisher(out, str(tmp_path / "offsets"), "/dev/full")
    seen = ProbeResult(1.0, 2.0, "new", "answered")
    publisher.probe_result(seen)
    publisher.probe_result(seen)
    sent = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [msgspec.convert(one["probe"], ProbeResult) for one in sent] == [seen, seen]
    assert sent[-1]["trouble"] == publisher.trouble == "the probes cannot be written: No space left on device"
    publisher.close()


def test_the_configuration_of_the_monitor_fits_on_one_line() -> None:
    clock = AnchoredClock(5.0, 6.0)
    client, probe = {"bootstrap.servers": "b:1", "sasl.password": "s3cret"}, ProbeSpec("sql", "postgresql://s3cret@h/d")
    config = MonitorConfig(client, "t", EventContract(), str(RunKey.random()), clock, "/f", "database", probe, "/p")
    assert MonitorConfig.load(config.dump()) == config
    assert "\n" not in config.dump()
    assert json.loads(config.dump())["clock"] == {"epoch": 5.0, "monotonic": 6.0}
