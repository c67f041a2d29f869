"""Checks what a run of the soak left: processes, components, journal, marks, reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.soak import independent_count
from benchmarks.soak.harness import CHECKOUT, EndedRun, environment
from runlog.folder import RunFolder
from runlog.marks import HEALED, INJECTING, read_marks
from stack import process
from stack.embedded import EmbeddedStack
from stack.state_file import StackState

LEFT_S: Final = 90.0
# A service may need time to reconnect to its database or broker; the harness itself allows as much.
HEALTHY_S: Final = 30.0
COMMAND_S: Final = 120.0
POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run's report says: the verdict, and its reason in one line."""

    verdict: str
    reason: str = ""


NO_RUN: Final = Verdict("no run", "its harness ended before the run's folder was made; nothing was broken")


def check_run(ended: EndedRun, stack: EmbeddedStack) -> tuple[Verdict, list[str]]:
    """Return the verdict of a run that has ended, and what is wrong after it, one sentence each.

    A stack that stopped with the run is started again to be read, then stopped.
    """
    wrong = [*ended.complaints]
    if left := _await_gone(stack):
        wrong.append(f"left after {LEFT_S:g} s: {'; '.join(left)}")
    wrong += _status(ended)
    wrong += _marks(ended.run)
    if not ended.drawn.own_stack:
        unhealthy = _unhealthy(stack)
        # A component that is down is reported, and started for the runs to come.
        state = stack.up(owner="soak") if unhealthy else stack.status()
        return _judged(ended, state, wrong + unhealthy) if state is not None else (NO_RUN, wrong + unhealthy)
    alive = [part.name for part in stack.components if part.is_alive()] + [str(orphan) for orphan in stack.orphans()]
    if alive:
        wrong.append(f"the run's own stack still runs: {', '.join(alive)}")
    if not (ended.run and ended.run.facts.exists()):
        return NO_RUN, wrong
    try:
        return _judged(ended, stack.up(owner="soak", with_service=False), wrong)
    finally:
        stack.down()


def harness_processes(home: Path, known: set[int]) -> list[str]:
    """Return the processes that use the stack in `home`, without its own (`known`) and this one."""
    found = []
    for each in psutil.process_iter():
        try:
            uses = each.environ().get("HARNESS_STACK_HOME") == str(home)
            if uses and each.pid not in known | {os.getpid()} and each.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{each.pid} {' '.join(each.cmdline())}")
        except psutil.Error:
            continue
    return found


def stack_processes(stack: EmbeddedStack) -> dict[str, list[psutil.Process]]:
    """Return the living processes of each component, by its name."""
    found: dict[str, list[psutil.Process]] = {}
    for part in stack.components:
        if part.record is not None and part.is_alive():
            found[part.name] = process.tree(part.record.pid)
    return found


def _await_gone(stack: EmbeddedStack) -> list[str]:
    deadline = time.monotonic() + LEFT_S
    while True:
        # In this order, so that a process started in between is in `known`.
        left = harness_processes(stack.home, set())
        known = {str(each.pid) for tree in stack_processes(stack).values() for each in tree}
        left = [line for line in left if line.split(" ")[0] not in known]
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(POLL_S)


def _status(ended: EndedRun) -> list[str]:
    done = _command(ended, {}, "chaos", "status")
    return [] if done.returncode == 0 else [f"`python -m chaos status` ended with {done.returncode}: {done.stdout}"]


def _unhealthy(stack: EmbeddedStack) -> list[str]:
    deadline = time.monotonic() + HEALTHY_S
    while True:
        health = stack.health(5.0).items()
        unhealthy = [f"the {name} is unhealthy: {reply.detail}" for name, reply in health if not reply.ok]
        if not unhealthy or time.monotonic() >= deadline:
            return unhealthy
        time.sleep(POLL_S)


def _marks(run: RunFolder | None) -> list[str]:
    """Return the outages that were begun and whose target was never proven back."""
    if run is None or not run.marks.exists():
        return []
    marks = read_marks(run.marks)
    begun = [mark.outage for mark in marks if mark.name == INJECTING]
    healed = [mark.outage for mark in marks if mark.name == HEALED]
    return [f"outage {index} was begun and has no mark `{HEALED}`" for index in begun if index not in healed]


def _judged(ended: EndedRun, state: StackState, wrong: list[str]) -> tuple[Verdict, list[str]]:
    run = ended.run
    if run is None or not run.facts.exists():
        return NO_RUN, wrong
    stores = {"LOCUST_DATABASE_URL": state.database_url, "LOCUST_KAFKA_BOOTSTRAP": state.kafka_bootstrap}
    done = _command(ended, stores, "reconcile", str(run.path))
    if not run.report.exists():
        return Verdict("none"), [
            *wrong,
            f"`python -m reconcile` ended with {done.returncode}, no report: {done.stderr}",
        ]
    report = json.loads(run.report.read_text())
    if done.returncode != report["exit_code"]:
        wrong.append(f"`python -m reconcile` ended with {done.returncode}, its report says {report['exit_code']}")
    wrong += independent_count.complaints(run, independent_count.count(run, state.database_url, state.kafka_bootstrap))
    return Verdict(report["verdict"], report["reason"]), wrong


def _command(ended: EndedRun, more: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=CHECKOUT,
        env=environment(ended.home, ended.folder) | more,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
