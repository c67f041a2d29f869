"""The harness against the saboteur on real stores, a real outage going on: it names exactly what was done, by id."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, LocustProcess, Start, assert_all_up, failed_guards
from tests.e2e.independent import ids_in
from tests.orderservice.conftest import free_port
from tests.saboteur.fates import FATES, HONEST, PHANTOM_FATES, PROVOKED
from tests.saboteur.truth import LISTS, Truth, read_truth

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PLAN = ["--headless", "--rate", "60", "--baseline", "3s", "--outage", "3s", "--recovery", "4s"]
LOCUSTFILE = CHECKOUT / "tests" / "saboteur" / "plan.py"


@contextmanager
def saboteur(stack: EmbeddedStack, folder: Path, seed: int) -> Iterator[tuple[str, Path]]:
    """Run the saboteur; yield its URL and the file of its truth."""
    state = stack.status()
    assert state is not None
    port, truth = free_port(), folder / "truth.jsonl"
    variables = {
        "PORT": str(port),
        "SEED": str(seed),
        "TOPIC": state.topic,
        "TRUTH": str(truth),
        "DATABASE_URL": state.database_url,
        "KAFKA_BOOTSTRAP": state.kafka_bootstrap,
    }
    environment = {**os.environ, **{f"SABOTEUR_{name}": value for name, value in variables.items()}}
    with (folder / "saboteur.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.saboteur.service"], cwd=CHECKOUT, env=environment, stderr=log
        )
        try:
            _await_health(f"http://127.0.0.1:{port}/actuator/health", process, folder)
            yield f"http://127.0.0.1:{port}", truth
        finally:
            process.terminate()
            process.wait(10)


def _await_health(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the saboteur did not answer within 20 s: " + (folder / "saboteur.log").read_text())
        time.sleep(0.05)


def run_against(
    start: Start, stack: EmbeddedStack, folder: Path, seed: int, *options: str
) -> tuple[LocustProcess, Truth]:
    with saboteur(stack, folder, seed) as (url, noted):
        run = start("-f", str(LOCUSTFILE), *PLAN, *options, home=stack.home, SABOTEUR_URL=url, PYTHONPATH=str(CHECKOUT))
        code = run.end(150)
        assert code in {0, 1, 3}, run.log[-3000:]
    assert_all_up(stack)
    return run, read_truth(noted)


def assert_named(run: LocustProcess, truth: Truth) -> Any:
    report: Any = run.report
    found = {name: ids_in(run.folder.path / f"{name}.csv") for name in LISTS}
    assert found == truth.lists
    cells = {
        (outcome, cell): number for outcome, row in report["cells"].items() for cell, number in row.items() if number
    }
    assert cells == dict(truth.cells)
    counts = report["counts"]
    assert {kind: counts[kind] for kind in ("redelivered", "published_twice")} == {
        kind: truth.duplicates[kind] for kind in ("redelivered", "published_twice")
    }
    assert report["confirmation"]["refuted"] == report["confirmation"]["unsettled"] == []
    assert report["verdict"] == "inconsistent"
    failed = failed_guards(report)
    assert failed.keys() == {"no order disputed"}, failed
    return report


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.night) for seed in range(2, 11))])
def test_exactly_what_was_done_is_named(start: Start, left_running: EmbeddedStack, tmp_path: Path, seed: int) -> None:
    run, truth = run_against(start, left_running, tmp_path, seed)
    report = assert_named(run, truth)
    assert truth.fates == {HONEST.name, *(fate.name for fate in FATES)}
    # Every cell of the table but those of provoked orders was met.
    for outcome in ("acknowledged", "ambiguous", "rejected"):
        assert all(report["cells"][outcome].values()), report["cells"]
    assert report["counts"]["late_events"] > 0
    assert run.marks["injected"].at < run.marks["healed"].at


@pytest.mark.parametrize(
    "seed", [pytest.param(11, marks=pytest.mark.exhaustive), pytest.param(12, marks=pytest.mark.night)]
)
def test_phantoms_that_are_none_are_named(start: Start, left_running: EmbeddedStack, tmp_path: Path, seed: int) -> None:
    run, truth = run_against(start, left_running, tmp_path, seed, "--scenario", "phantom-event")
    report: Any = run.report
    assert truth.fates == {PROVOKED.name, *(fate.name for fate in PHANTOM_FATES)}
    assert {name: ids_in(run.folder.path / f"{name}.csv") for name in LISTS} == truth.lists
    assert report["cells"]["provoked"] == {
        cell: truth.cells["provoked", cell] for cell in ("row_and_event", "row_only", "event_only", "neither")
    }
    assert all(report["cells"]["provoked"].values())
    failed = failed_guards(report)
    assert failed.keys() == {"phantoms provoked", "phantoms rolled back"}, failed


def test_fates_have_names_of_their_own() -> None:
    names = [fate.name for fate in (HONEST, PROVOKED, *FATES, *PHANTOM_FATES)]
    assert len(set(names)) == len(names)
