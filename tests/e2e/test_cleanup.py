"""Cleaning up after real runs: the rows of one, then its folder, while the other's stay and it is judged as before."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runlog.judgement_status import why_not_judged
from runlog.locks import is_in_use
from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, LocustProcess, Start, assert_all_up

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TABLES = ("orders", "order_items", "outbox")


def python(home: Path, *arguments: str) -> tuple[int, str]:
    """Run a module of ours as a person would; return exit code and all that was said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=CHECKOUT,
        env={**clean, "HARNESS_STACK_HOME": str(home)},
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


def test_one_of_two_runs_goes(start: Start, left_running: EmbeddedStack, tmp_path: Path) -> None:
    home, runs = left_running.home, tmp_path / "runs"

    def run(*more: str) -> LocustProcess:
        process = start("--headless", *SHORT, *more, "--runs-dir", str(runs), home=home)
        process.runs = runs
        return process

    # The tables of every variant are there before the rows are looked at.
    second = run("--service-variant", "outbox")
    assert second.end() == 0, second.log[-3000:]
    other = second.folder
    before = held(left_running)
    first = run("--service-variant", "outbox")
    first.await_log("chaos: baseline:")
    mine = first.folder
    assert is_in_use(mine)
    assert why_not_judged(mine) is not None
    # Judged in its baseline: nothing is kept that its own judging would then find.
    code, said = python(home, "reconcile", str(mine.path))
    assert (code, "is still going" in said) == (2, True), said
    assert list(mine.witnesses.iterdir()) == []
    code, said = python(home, "stack", "clean", mine.run_id, "--runs-dir", str(runs), "--force")
    assert (code, "is still recorded or judged" in said) == (4, True), said
    code, said = python(home, "stack", "clean", other.run_id, "--runs-dir", str(runs))
    assert (code, "a running harness" in said) == (4, True), said
    python(home, "runlog.clean_runs", "--runs-dir", str(runs), "--keep", "0", "--dry-run", "--force")
    assert first.end() == 0, first.log[-3000:]
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
    assert python(home, "reconcile", str(mine.path), "--quiet") == (0, "")
    assert mine.report.read_bytes() == report

    mine.path.rename(mine.path.with_name("19991231-000000-0000"))  # now the oldest
    code, said = python(home, "runlog.clean_runs", "--runs-dir", str(runs), "--keep", "1")
    assert (code, "1 of 2 runs" in said) == (0, True), said
    assert sorted(path.name for path in runs.iterdir() if path.is_dir() and not path.is_symlink()) == [other.run_id]
