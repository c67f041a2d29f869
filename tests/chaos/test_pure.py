"""The pure parts of the chaos room: plan, health state, journal, lease, command line."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path

import msgspec
import pytest

from chaos.faults.journal import Journal, JournalUnreadable, OpenFault
from chaos.faults.targets import TargetSpec
from chaos.monitor.monitor import MonitorConfig
from chaos.monitor.publisher import ObservationPublisher, ProbePace, asking
from chaos.run.command_line import add_options, check_form, read_settings, texts_of
from chaos.run.plan import RunPhase, make_plan
from contract.event import EventContract
from contract.run_key import RunKey
from health.patience import Patience
from health.probers import open_probers
from health.replies import ProbeResult, Reply
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from runlog.probe_results import read_probe_results
from settings.plan_options import SHORTEST_OUTAGE_S
from settings.run_settings import OPTIONS, SettingsError, make_settings
from stack.lease import Lease, LeaseTaken

SPEC = TargetSpec("process", "broker", {"home": "stack"})


def test_plan_moves_on_settings() -> None:
    plan = make_plan(make_settings({"baseline": "5s", "outage": "20s", "recovery": "7s"}))
    assert plan.load_seconds == 32
    assert [(outage.fault.name, outage.target, outage.length) for outage in plan.outages] == [("stop", "broker", 20)]
    assert plan.describe() == "baseline 5 s, broker stop 20 s, recovery 7 s, drain"


def test_several_outages_each_with_its_recovery() -> None:
    plan = make_plan(make_settings({"outages": "3", "outage": "20s", "recovery": "7s", "fault": "kill"}))
    assert [(outage.fault.name, outage.length, outage.recovery) for outage in plan.outages] == [("kill", 20, 7)] * 3


def test_a_seed_draws_the_lengths_and_always_the_same() -> None:
    asked = {"outages": "50", "outage": "20s", "recovery": "7s", "baseline": "5s", "seed": "42"}
    plan = make_plan(make_settings(asked))
    assert plan == make_plan(make_settings(asked))
    assert plan != make_plan(make_settings({**asked, "seed": "43"}))
    assert len({outage.length for outage in plan.outages}) > 10
    assert all(10 <= outage.length <= 30 and 3.5 <= outage.recovery <= 10.5 for outage in plan.outages)


def test_no_drawn_outage_is_too_short_to_be_proven() -> None:
    plan = make_plan(make_settings({"outages": "50", "outage": "2s", "seed": "1"}))
    assert min(outage.length for outage in plan.outages) == SHORTEST_OUTAGE_S


def test_control_is_as_long_as_the_plan_with_its_outages() -> None:
    texts = {"outages": "3", "baseline": "5s", "outage": "20s", "recovery": "7s"}
    broken, control = (make_plan(make_settings({**texts, "scenario": name})) for name in ("lost-event", "control"))
    assert not control.outages
    assert control.load_seconds == broken.load_seconds


def test_users_are_there_just_while_orders_fall_due() -> None:
    assert [phase for phase in RunPhase if phase.under_load] == [
        RunPhase.BASELINE,
        RunPhase.OUTAGE,
        RunPhase.RECOVERY,
    ]


class Sudden:
    """A prober that fails in an unforeseen way."""

    def ask(self, timeout_s: float) -> Reply:
        raise RuntimeError("a bug")

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_prober_that_ends_is_told_as_trouble_and_one_that_is_ended_is_not(tmp_path: Path) -> None:
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


def test_a_full_disk_ends_the_keeping_and_not_the_telling(tmp_path: Path) -> None:
    out = io.StringIO()
    publisher = ObservationPublisher(out, str(tmp_path / "offsets"), "/dev/full")
    seen = ProbeResult(1.0, 2.0, "new", "answered")
    publisher.probe_result(seen)
    publisher.probe_result(seen)
    sent = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [msgspec.convert(one["probe"], ProbeResult) for one in sent] == [seen, seen]
    assert sent[-1]["trouble"] == publisher.trouble == "the probes cannot be written: No space left on device"
    publisher.close()


def test_journal_keeps_what_is_open_until_it_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    assert journal.left_open() is None
    entry = OpenFault("run-1", "stop", SPEC, "broker (process 7)", 5.0, 42, {"pid": 7}, "marks.jsonl", 1, (5.0, 6.0))
    journal.open(entry)
    assert Journal(tmp_path / "journal.json").left_open() == entry
    journal.close()
    journal.close()
    assert journal.left_open() is None


def test_a_journal_nobody_can_read_still_says_that_something_is_open(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text('{"half": ')
    with pytest.raises(JournalUnreadable, match="something may be broken"):
        Journal(tmp_path / "journal.json").left_open()


def test_a_journal_of_another_format_is_named_and_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    journal.open(OpenFault("run-1", "stop", SPEC, "broker", 5.0, 42))
    other = json.dumps({**json.loads(journal.path.read_text()), "format": 9, "fault": ["stop"]})
    journal.path.write_text(other)
    with pytest.raises(JournalUnreadable, match="has format 9, this version of the harness reads format 1; use that"):
        journal.left_open()
    journal.note_proven()
    journal.note_failed("no")
    assert journal.path.read_text() == other


def test_journal_that_cannot_be_written_forbids_the_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Journal(tmp_path / "nowhere" / "journal.json").open(OpenFault("r", "stop", SPEC, "b", 1.0, 1))


def test_one_lease_for_one_stack_and_it_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lease"
    hold = f"from pathlib import Path; from stack.lease import Lease; Lease(Path({str(path)!r})).take()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold + "print('held', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    lease = Lease(path)
    with pytest.raises(LeaseTaken, match=rf"another harness \(process {holder.pid}\) already uses the stack"):
        lease.take()
    holder.kill()
    holder.wait(timeout=10)
    lease.take()
    assert path.read_text().strip() == str(os.getpid())
    lease.give_back()
    lease.give_back()


def test_lookout_config_goes_over_a_pipe_whole() -> None:
    clock = AnchoredClock(5.0, 6.0)
    client, probe = {"bootstrap.servers": "b:1", "sasl.password": "s3cret"}, ProbeSpec("sql", "postgresql://s3cret@h/d")
    config = MonitorConfig(client, "t", EventContract(), str(RunKey.random()), clock, "/f", "database", probe, "/p")
    assert MonitorConfig.load(config.dump()) == config
    assert "\n" not in config.dump()
    assert json.loads(config.dump())["clock"] == [5.0, 6.0]


class FakeParser:
    """Takes declarations as Locust's parser does."""

    def __init__(self) -> None:
        self.flags: dict[str, dict[str, object]] = {}
        self.defaults: dict[str, object] = {}

    def add_argument(self, flag: str, **keywords: object) -> None:
        self.flags[flag] = keywords

    def set_defaults(self, **defaults: object) -> None:
        self.defaults |= defaults


def test_every_option_reaches_locusts_parser_as_text() -> None:
    parser = FakeParser()
    add_options(parser)
    assert set(parser.flags) == {option.flag for option in OPTIONS}
    # Anything but text, numbers and booleans would make every spawn fail: Locust sends options as msgpack.
    flags = {option.flag for option in OPTIONS if option.is_flag}
    assert {keywords["type"] for flag, keywords in parser.flags.items() if flag not in flags} == {str}
    assert {parser.flags[flag]["action"] for flag in flags} == {"store_true"}
    assert parser.flags["--rate"]["env_var"] == "LOCUST_RATE"
    assert not any(keywords["include_in_web_ui"] for flag, keywords in parser.flags.items() if "port" in flag)
    # A flag is a box to tick in the form, but for the one that ends Locust at once.
    assert {flag for flag in flags if parser.flags[flag]["include_in_web_ui"]} == {
        "--fail-on-duplicates",
        "--vouch-topic-intact",
    }
    assert parser.defaults["web_host"] == "127.0.0.1"


def parsed(**given: object) -> Namespace:
    locusts = {"num_users": None, "spawn_rate": None, "run_time": None, "host": None, "master": False}
    return Namespace(**{**locusts, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num_users": 5}, "--users 5"),
        ({"spawn_rate": 1.0}, "--spawn-rate 1.0"),
        ({"run_time": 60}, "--run-time 60"),
        ({"host": "http://h"}, "--host http://h"),
        ({"master": True}, "--master"),
        ({"worker": True}, "--worker"),
        ({"processes": 2}, "--processes"),
        ({"rate": "0"}, "--rate 0"),
    ],
)
def test_what_makes_no_sense_here_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(parsed(**given))
    assert read_settings(parsed()).rate == 20


@pytest.mark.parametrize("name", ["topic", "runs_dir", "kafka_config", "expect"])
def test_what_is_no_utf8_is_refused_before_anything_is_touched(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(parsed(**{name: "r\udcff"}))
    assert str(refused.value).startswith(f"--{name.replace('_', '-')} r\\xff: it is not valid UTF-8")


def test_a_runs_folder_below_a_folder_that_is_no_utf8_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "r\udcff"
    odd.mkdir()
    monkeypatch.chdir(odd)
    with pytest.raises(SettingsError, match=r"--runs-dir runs: .* is not valid UTF-8"):
        read_settings(parsed())
    assert list(odd.iterdir()) == []


def test_the_form_is_checked_as_a_whole_before_anything_is_applied() -> None:
    url = "http://127.0.0.1:8082"
    assert check_form({"host": url, "rate": "30", "baseline": "1m"}, parsed(), url) is None
    assert "--rate 0" in str(check_form({"host": url, "rate": "0"}, parsed(), url))
    # A form field may contradict what came from the command line.
    assert "--settle" in str(check_form({"settle": "50s"}, parsed(drain_timeout="20s"), url))
    assert "--runs-dir: it is fixed" in str(check_form({"runs_dir": "/elsewhere"}, parsed(runs_dir="runs"), url))
    assert "--kafka-port: it is fixed" in str(check_form({"kafka_port": "1"}, parsed(), url))
    assert check_form({"runs_dir": "runs"}, parsed(runs_dir="runs"), url) is None
    assert "Run time 5m" in str(check_form({"run_time": "5m"}, parsed(), url))
    assert "this stack" in str(check_form({"host": "http://elsewhere"}, parsed(), url))
    assert texts_of(parsed(rate="7")) == {"rate": "7"}
    assert check_form({"fail_on_duplicates": "true"}, parsed(fail_on_duplicates=False), url) is None
    assert "--fail-on-duplicates" in str(check_form({"fail_on_duplicates": "3"}, parsed(), url))
