"""The other answer on real parts: the outbox, under the plan of the main job, loses nothing; and one of two runs goes.

Rows of a run are deleted, then its folder, while the other's stay and it is judged as before.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runlog.judgement_status import why_not_judged
from runlog.locks import is_in_use
from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, LocustProcess, Start, assert_all_up
from tests.e2e.independent import count_run
from tests.e2e.test_main_job import PLAN, read_csv, run_key
from tests.environment import without_options

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TABLES = ("orders", "order_items", "outbox")


def python(home: Path, *arguments: str) -> tuple[int, str]:
    """Run a module of ours as a person would; return exit code and all that was said."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=CHECKOUT,
        env={**without_options(), "HARNESS_STACK_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def held(stack: EmbeddedStack) -> dict[str, set[str]]:
    state = stack.status()
    assert state is not None
    with psycopg.connect(state.database_url) as connection:
        return {
            table: {row for (row,) in connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()}
            for table in TABLES
        }


def assert_nothing_lost(run: LocustProcess, stack: EmbeddedStack) -> None:
    report: Any = run.report
    state = stack.status()
    assert state is not None
    truth = count_run(state.database_url, state.kafka_bootstrap, state.topic, run_key(run.folder.facts))
    counts = report["counts"]
    assert truth.lost == truth.phantom == set()
    assert counts["rows"] == len(truth.rows) == counts["attempted"]
    assert counts["lost_events"] == counts["phantom_events"] == counts["lost_orders"] == 0
    late = read_csv(run.folder.path / "late-events.csv")
    assert counts["late_events"] == len(late) > 25 * 5
    delays = [float(row["delay_s"]) for row in late]
    assert min(delays) > 0
    assert max(delays) > 6.0  # the first order of an outage of 8 s waits for nearly all of it
    assert_all_up(stack)


def test_outbox_under_the_same_plan_loses_nothing_and_its_rows_can_be_deleted(
    start: Start, left_running: EmbeddedStack, tmp_path: Path
) -> None:
    home, runs = left_running.home, tmp_path / "runs"

    def run(*plan: str) -> LocustProcess:
        process = start("--headless", *plan, "--service-variant", "outbox", "--runs-dir", str(runs), home=home)
        process.runs = runs
        return process

    # The tables of every variant are there before the rows are looked at.
    second = run(*PLAN)
    assert second.end_clean(180) == "consistent"
    assert_nothing_lost(second, left_running)
    other = second.folder
    before = held(left_running)
    # It ends by SIGINT: a busy machine takes long for the commands that are refused meanwhile.
    first = run(*SHORT, "--baseline", "90s")
    first.await_log("chaos: baseline:")
    mine = first.folder
    assert is_in_use(mine)
    assert why_not_judged(mine) is not None
    # Judged in its baseline: nothing is kept that its own judging would then find.
    code, said = python(home, "reconcile", str(mine.path))
    assert (code, "is still running" in said) == (2, True), said
    assert list(mine.witnesses.iterdir()) == []
    code, said = python(home, "stack", "clean", mine.run_id, "--runs-dir", str(runs), "--force")
    assert (code, "is still recorded or judged" in said) == (4, True), said
    code, said = python(home, "stack", "clean", other.run_id, "--runs-dir", str(runs))
    assert (code, "a running harness" in said) == (4, True), said
    python(home, "runlog.clean_runs", "--runs-dir", str(runs), "--keep", "0", "--dry-run", "--force")
    first.signal(signal.SIGINT)
    assert first.end() == 130
    counts: Any = first.report["counts"]
    assert counts["lost_events"] == 0
    assert not is_in_use(mine)
    assert why_not_judged(mine) is None

    full, report = held(left_running), mine.report.read_bytes()
    assert all(len(full[table]) > len(before[table]) for table in TABLES)
    code, said = python(home, "stack", "clean", mine.run_id, "--runs-dir", str(runs), "--dry-run")
    assert (code, held(left_running)) == (0, full), said
    code, said = python(home, "stack", "clean", mine.run_id, "--runs-dir", str(runs))
    assert code == 0, said
    # The check order of the preflight and the one of the drain are gone with it: all is as it was before the run.
    assert held(left_running) == before
    assert_all_up(left_running)
    assert python(home, "reconcile", str(mine.path), "--quiet") == (130, "")
    assert mine.report.read_bytes() == report

    mine.path.rename(mine.path.with_name("19991231-000000-0000"))  # now the oldest
    code, said = python(home, "runlog.clean_runs", "--runs-dir", str(runs), "--keep", "1")
    assert (code, "1 of 2 runs" in said) == (0, True), said
    assert sorted(path.name for path in runs.iterdir() if path.is_dir() and not path.is_symlink()) == [other.run_id]
