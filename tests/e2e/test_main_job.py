"""The main job on real parts: the dual write loses events, and each is named."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import LocustProcess, Start, assert_all_up, failed_guards, judge_again
from tests.e2e.independent import assert_agrees, count_run
from tests.stack.shell_variables import FULL

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PLAN = ["--baseline", "4s", "--outage", "8s", "--recovery", "4s", "--rate", "25"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def bare_path(folder: Path) -> str:
    """A PATH without Java, Maven, psql, Docker or kcat: only what a user has who has Python and make."""
    folder.mkdir()
    for tool in ("sh", "env", "git", "uname"):
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    for absent in ("java", "mvn", "psql", "docker", "kcat", "postgres"):
        assert shutil.which(absent, path=str(folder)) is None
    return str(folder)


def test_dual_write_loses_events_and_each_is_named(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path
) -> None:
    # Nothing that a shell holds for other systems changes anything, but Python's own prompt.
    shell = {name: text for name, text in FULL.items() if name != "PYTHONINSPECT"} | {
        "PATH": bare_path(tmp_path / "bin")
    }
    run = start("--headless", *PLAN, home=stack_home, **shell)
    assert run.end(180) == 1, run.log[-3000:]  # inconsistent, and without --expect consistent is expected
    report: Any = run.report
    state = left_running.status()
    assert state is not None
    truth = count_run(state.database_url, state.kafka_bootstrap, state.topic, run_key(run.folder.facts))
    listed = read_csv(run.folder.path / "lost-events.csv")

    assert report["verdict"] == "inconsistent"
    assert report["exit_code"] == 1
    assert truth.phantom == set()
    assert len(truth.lost) > 25 * 5  # most of an outage of 8 s at 25 orders/s
    assert {row["order_id"] for row in listed} == truth.lost
    assert len(listed) == len(truth.lost)
    counts = report["counts"]
    assert counts["lost_events"] == len(truth.lost)
    assert counts["rows"] == len(truth.rows)
    assert counts["events"] == len(truth.events)
    # With the default pool and block time each order is answered with 201: the losses are silent.
    assert counts["attempted"] == counts["acknowledged"] == counts["due"]
    assert all(row["acknowledged_at"] for row in listed)
    assert [row["sent_at"] for row in listed] == sorted(row["sent_at"] for row in listed)
    assert failed_guards(report) == {}
    outage = report["outages"][0]
    assert outage["down_edge"][1] - outage["down_edge"][0] < 1.0
    assert outage["marks"]["healing"] - outage["marks"]["injected"] >= 8.0
    # The summary shows what a person needs, and where the rest lies.
    assert listed[0]["order_id"] in run.printed
    assert "lost-events.csv" in run.printed
    assert "silent 201" in run.printed
    assert_all_up(left_running)
    judged_again_is_the_same(run)


def judged_again_is_the_same(run: LocustProcess) -> None:
    """Without any store within reach, judging again gives the same bytes."""
    folder = run.folder.path
    before = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    assert judge_again(run) == 1
    assert {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()} == before


@pytest.mark.exhaustive
def test_knee_of_a_small_pool_turns_losses_into_errors(
    start: Start, left_running: EmbeddedStack, stack_home: Path
) -> None:
    run = start("--headless", *PLAN, "--service-pool", "5", "--service-pool-wait", "2s", home=stack_home)
    assert run.end(180) == 1, run.log[-3000:]
    counts, behaviour = run.report["counts"], json.dumps(run.report["behaviour"])
    assert isinstance(counts, dict)
    # About pool / block time = 5 orders a second are lost in silence; the rest of the 25 fail with 500, ambiguous.
    assert 5 * 4 < counts["lost_events"] < 5 * 16
    assert counts["ambiguous"] > 25 * 3
    assert counts["unresolved"] == counts["ambiguous"]
    assert "error" in behaviour
    state = left_running.status()
    assert state is not None
    assert_agrees(run.folder.path, state.database_url, state.kafka_bootstrap, state.topic)
    assert_all_up(left_running)


def run_key(facts: Path) -> str:
    return str(json.loads(facts.read_text())["run_key"])
