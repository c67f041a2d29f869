"""Locust's own ways go on working: web UI, autostart, CSV, HTML and JSON output, log files, environment, --list."""

import csv
import json
import signal
from pathlib import Path

import pytest

from runlog.facts import RunFacts
from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, Start, assert_all_up
from tests.e2e.page import Browser, free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_web_ui_runs_the_plan_again_and_again_and_stop_heals(
    start: Start, left_running: EmbeddedStack, stack_home: Path
) -> None:
    port = free_port()
    run = start("--web-port", str(port), "--allowed-host", "chaos.example.test", *SHORT, home=stack_home)
    page = Browser(run, port)

    refused = page.start(rate="0")
    assert refused["success"] is False
    assert "rate 0" in str(refused["message"])
    for path, body in (("/", None), ("/stats/requests", None), ("/no/such/page", None), ("/swarm", b"rate=20")):
        assert page.status(path, "evil.test", body) == 403
    assert page.status("/", f"LocalHost.:{port}") == page.status("/", "chaos.example.test") == 200
    assert page.start(outage="2 parsecs")["success"] is False
    assert "orders go to the order service of this stack" in str(page.start(host="http://example.test")["message"])
    assert not run.runs.exists() or not list(run.runs.glob("2*"))

    assert page.start(baseline="2s")["success"] is True
    run.await_that(lambda: "INCONSISTENT" in run.printed, "the first verdict", 60)
    run.await_that(lambda: page.state() == "stopped", "the end of the first run", 30)
    first = run.folder
    assert run.report["verdict"] == "inconsistent"
    assert "INCONSISTENT" in run.printed

    assert page.start(baseline="3s", rate="30", outage="60s")["success"] is True
    assert "a run is under way" in str(page.start(outage="7s")["message"])
    run.await_that(lambda: run.folder.path != first.path, "the second run", 30)
    run.await_that(lambda: "injected" in run.marks, "the broker down", 30)
    facts = RunFacts.read(run.folder)
    assert (facts.baseline_s, facts.rate, facts.outage_s) == (3.0, 30.0, 60.0)
    page.stop()
    assert "healed" in run.marks
    assert_all_up(left_running)
    assert "inconclusive" in str(run.report["verdict"])

    run.signal(signal.SIGINT)
    assert run.end(30) == 0  # nothing was under way: Locust's normal way out
    assert_all_up(left_running)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_to_the_web_ui_in_the_middle_of_an_outage(
    start: Start, left_running: EmbeddedStack, stack_home: Path, number: int, code: int
) -> None:
    port = free_port()
    run = start("--web-port", str(port), *SHORT, "--outage", "60s", home=stack_home)
    page = Browser(run, port)
    page.start()
    run.await_log("proven down")
    run.signal(number)
    assert run.end(60) == code
    assert run.report["exit_code"] == code
    assert {"healed", "interrupted"} <= set(run.marks)
    assert_all_up(left_running)


@pytest.mark.exhaustive
def test_outputs_of_locust_separate_the_phases_and_ctrl_c_while_it_quits_changes_nothing(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path
) -> None:
    prefix, page, logfile = tmp_path / "stats", tmp_path / "report.html", tmp_path / "locust.log"
    run = start(
        "--headless", "--expect", "lost-events", *SHORT,
        "--locust-output",
        "--csv", str(prefix), "--html", str(page), "--json", "--logfile", str(logfile), "--loglevel", "INFO",
        home=stack_home, LOCUST_RATE="30", LOCUST_BASELINE="1s",
    )  # fmt: skip
    run.await_that(lambda: logfile.exists() and "Shape test stopping" in logfile.read_text(), "the load's end", 120)
    for _ in range(4):
        if run.process.poll() is None:
            run.signal(signal.SIGINT)
    code = run.end(60)
    log = logfile.read_text()
    assert code == run.report["exit_code"] == 0, log[-3000:]  # the verdict is out: nothing is left to interrupt
    assert "Traceback" not in log + run.log
    assert_all_up(left_running)
    names = {"POST /orders [baseline]", "POST /orders [outage]", "POST /orders [recovery]"}
    with (tmp_path / "stats_stats.csv").open() as stream:
        assert names <= {row["Name"] for row in csv.DictReader(stream)}
    assert "POST /orders [outage]" in page.read_text()
    assert names == {entry["name"] for entry in json.loads(run.printed)}
    assert "preflight: canary order ok" in log
    assert "INCONSISTENT" in run.log  # standard output belongs to the JSON
    facts = RunFacts.read(run.folder)
    # The command line beats the environment: rate came by both ways, baseline too.
    assert (facts.rate, facts.baseline_s) == (20.0, 2.0)


@pytest.mark.exhaustive
def test_environment_and_autostart_from_another_folder_with_a_runs_folder_there(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "reconcile").mkdir()  # not ours
    run = start(
        "-f", str(CHECKOUT / "locustfile.py"), "--autostart", "--autoquit", "0", "--web-port", str(free_port()),
        "--runs-dir", "my runs", *SHORT[-4:], home=stack_home, cwd=elsewhere,
        LOCUST_BASELINE="2s", LOCUST_OUTAGE="2s", LOCUST_RECOVERY="2s", LOCUST_RATE="10", LOCUST_EXPECT="lost-events",
    )  # fmt: skip
    run.runs = elsewhere / "my runs"
    assert run.end(90) == 0, run.log[-3000:]
    facts = RunFacts.read(run.folder)
    assert (facts.rate, facts.outage_s, facts.expect) == (10.0, 2.0, "lost-events")
    assert "list:   my runs/" in run.printed
    assert run.report["exit_code"] == 0
    assert_all_up(left_running)


@pytest.mark.parametrize("flag", ["--list", "--help", "--version", "--show-task-ratio"])
def test_questions_to_locust_start_nothing(start: Start, tmp_path: Path, flag: str) -> None:
    run = start(flag)
    assert run.end(30) == 0
    assert not (tmp_path / "stack").exists()
    assert not run.runs.exists()
