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

import pytest

from chaos.commandline import add_options, check_form, read_settings, texts_of
from chaos.journal import Journal, JournalUnreadable, OpenFault
from chaos.lookout import LookoutConfig
from chaos.plan import RunPhase, make_plan
from chaos.targets import TargetSpec
from chaos.telling import Pace, Telling, asking
from contract.event import EventContract
from contract.run_key import RunKey
from health.probers import open_probers
from health.replies import Reply
from health.spec import ProbeSpec
from health.state import not_down, not_up, proven_down, proven_up, target_down, target_up
from runlog.clock import AnchoredClock
from runlog.offsets import Observation
from runlog.options import OPTIONS
from runlog.probes import Connection, How, ProbeResult, read_probe_results
from runlog.settings import SHORTEST_OUTAGE_S, SettingsError, make_settings
from stack.lease import Lease, LeaseTaken


def seen(*answers: bool, start: float = 100.0, every: float = 0.1) -> list[Observation]:
    """One observation each `every` seconds: asked on the beat, answered 50 ms later."""
    return [
        Observation(start + k * every, start + k * every + 0.05, {0: 1} if ok else None) for k, ok in enumerate(answers)
    ]


SPEC = TargetSpec("process", "broker", {"home": "stack"})


def test_plan_moves_on_settings() -> None:
    plan = make_plan(make_settings({"baseline": "5s", "outage": "20s", "recovery": "7s"}))
    assert plan.load_seconds == 32
    assert [(outage.fault, outage.target, outage.length) for outage in plan.outages] == [("stop", "broker", 20)]
    assert plan.describe() == "baseline 5 s, broker stop 20 s, recovery 7 s, drain"


def test_several_outages_each_with_its_recovery() -> None:
    plan = make_plan(make_settings({"outages": "3", "outage": "20s", "recovery": "7s", "fault": "kill"}))
    assert [(outage.fault, outage.length, outage.recovery) for outage in plan.outages] == [("kill", 20, 7)] * 3


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


def test_down_is_proven_by_a_streak_and_its_edge_is_bracketed() -> None:
    edge = proven_down(seen(True, True, False, False, False), since=100.0)
    assert edge == pytest.approx((100.1, 100.25))


@pytest.mark.parametrize(
    "observations",
    [
        [],
        seen(True, True, True),
        seen(True, False, False),  # two in a row: the machine may just be busy
        seen(True, False, False, True, False, False),  # never three in a row
        seen(True, False, False, False, every=0.06),  # three, but within 0.17 s
    ],
)
def test_down_is_not_proven_by_less(observations: list[Observation]) -> None:
    assert proven_down(observations, since=100.0) is None


def test_what_was_seen_before_the_fault_proves_nothing() -> None:
    observations = seen(True, False, False, False)
    assert proven_down(observations, since=100.31) is None
    assert proven_down(observations, since=100.3) is not None
    back = seen(False, True, True)
    assert proven_up(back, since=100.21) is None
    assert proven_up(back, since=100.2) is not None


def test_up_is_proven_by_two_answers_and_its_edge_is_bracketed() -> None:
    assert proven_up(seen(True, False, False, True), since=100.0) is None
    edge = proven_up(seen(True, False, False, True, True), since=100.0)
    assert edge == pytest.approx((100.2, 100.35))


def test_a_flapping_broker_is_neither_down_nor_back() -> None:
    flapping = seen(True, False, True, False, True, False, True, False)
    assert proven_down(flapping, since=100.0) is None
    assert proven_up(flapping, since=100.0) is None


def probe_results(connection: Connection, *hows: How, start: float = 100.0) -> list[ProbeResult]:
    """One probe result each 0.1 s: asked on the beat, settled 50 ms later."""
    return [ProbeResult(start + k / 10, start + k / 10 + 0.05, connection, how) for k, how in enumerate(hows)]


UP: tuple[How, ...] = ("answered",) * 3
GONE: tuple[How, ...] = ("refused",) * 3
HUNG: tuple[How, ...] = ("hanging",) * 3


def test_a_target_is_down_only_on_both_connections_and_its_edge_is_that_of_the_kept_one() -> None:
    kept, new = probe_results("kept", *UP, *HUNG), probe_results("new", *UP, *GONE, start=100.03)
    proof = target_down({"kept": kept, "new": new}, 100.0)
    assert proof is not None
    assert proof.edge == pytest.approx((100.2, 100.35))
    assert proof.seen == {"kept": "hanging", "new": "refused"}
    assert not_down({"kept": kept, "new": new}, 100.0) == []
    for one, other in (
        (kept, probe_results("new", *UP)),
        (probe_results("kept", *UP), new),
        (kept[:-1], new),
        (kept, new[:-1]),
    ):
        assert target_down({"kept": one, "new": other}, 100.0) is None
    assert target_down({"kept": kept, "new": new}, 100.52) is None
    assert not_down({"kept": probe_results("kept", *UP), "new": new}, 100.0) == [
        "a connection from before the fault is still served"
    ]
    assert not_down({"kept": kept, "new": probe_results("new", *UP)}, 100.0) == ["a new connection is served"]
    assert not_down({"kept": kept, "new": []}, 100.0) == ["a new connection was never tried"]


@pytest.mark.parametrize(
    ("hows", "seen"),
    [
        (("hanging", "broken", "refused", "refused"), "broken"),  # lost; that opening another is refused comes after
        (("hanging", "refused", "refused"), "refused"),
        (("broken", "answered", "hanging", "hanging", "hanging"), "hanging"),  # lost before: another outage
    ],
)
def test_a_kept_connection_that_was_lost_is_told_as_broken(hows: tuple[How, ...], seen: How) -> None:
    proof = target_down({"kept": probe_results("kept", *UP, *hows), "new": probe_results("new", *hows)}, 100.0)
    assert proof is not None
    assert proof.seen == {"kept": seen, "new": hows[-1]}


def test_a_target_is_back_only_on_both_connections() -> None:
    kept, new = (
        probe_results("kept", *HUNG, "answered", "answered"),
        probe_results("new", *GONE, "answered", "answered"),
    )
    proof = target_up({"kept": kept, "new": new}, 100.0)
    assert proof is not None
    assert proof.edge == pytest.approx((100.2, 100.35))
    assert proof.seen == {"kept": "answered", "new": "answered"}
    for one, other in ((kept[:-1], new), (kept, new[:-1]), (kept, []), ([], new)):
        assert target_up({"kept": one, "new": other}, 100.0) is None
    assert not_up({"kept": kept, "new": new}, 100.0) == []
    ill = [ProbeResult(101, 101.1, "new", "refused", "status 503")]
    assert not_up({"kept": kept, "new": ill}, 100.0) == ["a new connection is refused (status 503)"]
    assert not_up({"kept": probe_results("kept", *HUNG), "new": new}, 100.0) == ["the kept connection is hanging"]


class Sudden:
    """A prober that fails in a way that nobody foresaw."""

    def ask(self, timeout_s: float) -> Reply:
        raise RuntimeError("a bug")

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_prober_that_ends_is_told_as_trouble_and_one_that_is_ended_is_not(tmp_path: Path) -> None:
    out, stop, clock = io.StringIO(), threading.Event(), AnchoredClock.anchor()
    telling = Telling(out, str(tmp_path / "offsets"), str(tmp_path / "probes"))
    closed = open_probers(ProbeSpec("sql", "host=127.0.0.1 port=1"))
    with asking(closed.new, "new", Pace(0.01, 0.5), clock=clock, telling=telling, stop=stop):
        while not out.getvalue():
            time.sleep(0.01)
    assert '"trouble": null' in out.getvalue()
    assert {seen.how for seen in read_probe_results(tmp_path / "probes")} == {"refused"}
    with asking(Sudden(), "kept", Pace(0.01, 0.1), clock=clock, telling=telling, stop=stop):
        deadline = time.monotonic() + 10
        while telling.trouble is None and time.monotonic() < deadline:
            time.sleep(0.01)
    assert telling.trouble == "nobody asks the target on a kept connection any more"
    telling.close()


def test_a_full_disk_ends_the_keeping_and_not_the_telling(tmp_path: Path) -> None:
    out = io.StringIO()
    telling = Telling(out, str(tmp_path / "offsets"), "/dev/full")
    seen = ProbeResult(1.0, 2.0, "new", "answered")
    telling.probe_result(seen)
    telling.probe_result(seen)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [ProbeResult.parse(json.dumps(one["probe"])) for one in told] == [seen, seen]
    assert told[-1]["trouble"] == telling.trouble == "the probes cannot be written: No space left on device"
    telling.close()


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
    assert path.read_text() == str(os.getpid())
    lease.give_back()
    lease.give_back()


def test_lookout_config_goes_over_a_pipe_whole() -> None:
    clock = AnchoredClock(5.0, 6.0)
    client, probe = {"bootstrap.servers": "b:1", "sasl.password": "s3cret"}, ProbeSpec("sql", "postgresql://s3cret@h/d")
    config = LookoutConfig(client, "t", EventContract(), str(RunKey.random()), clock, "/f", "database", probe, "/p")
    assert LookoutConfig.load(config.dump()) == config
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
