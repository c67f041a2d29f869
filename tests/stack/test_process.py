"""Processes are known by pid and start time, and their whole tree can be stopped, frozen and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stack import process
from stack.errors import StackError
from stack.process import Launch
from stack.spawn import run_to_end, spawn

pytestmark = pytest.mark.process

SLEEPER = "import time; time.sleep(60)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(60)"


def launch(code: str, folder: Path) -> Launch:
    return Launch((sys.executable, "-c", code), folder, folder / "logs" / "x.log", dict(os.environ))


def started(pid: int) -> float:
    found = process.start_time(pid)
    assert found is not None
    return found


def sleeps_somewhere() -> bool:
    """Whether a child of this process still sleeps."""
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # a zombie included
            if SLEEPER in child.cmdline():
                return True
    return False


def test_identity_is_pid_and_start_time(tmp_path: Path) -> None:
    child = spawn(launch(SLEEPER, tmp_path))
    begun = started(child.pid)
    assert process.is_alive(child.pid, begun)
    assert not process.is_alive(child.pid, begun - 1)  # another process has the pid
    assert os.getsid(child.pid) == child.pid
    assert process.kill_tree(child.pid)
    assert not process.is_alive(child.pid, begun)


def test_dead_child_is_reaped(tmp_path: Path) -> None:
    child = spawn(launch("pass", tmp_path))
    begun = process.start_time(child.pid) or 0.0
    assert process.wait_until(lambda: not process.is_alive(child.pid, begun), 10)
    assert not psutil.pid_exists(child.pid)


def test_foreign_zombie_is_dead() -> None:
    # A parent that does not wait for its child: the child stays a zombie for as long as the parent lives.
    code = "import os, time\npid = os.fork()\nif pid == 0: os._exit(0)\nprint(pid, flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert process.wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 10)
            assert process.start_time(pid) is None
        finally:
            parent.kill()


def test_pause_resume_and_kill_reach_the_whole_tree(tmp_path: Path) -> None:
    root = spawn(launch(PARENT, tmp_path))
    assert process.wait_until(lambda: len(process.tree(root.pid)) == 2, 10)
    family = process.pause_tree(root.pid)
    assert len(family) == 2
    assert process.wait_until(lambda: all(p.status() == psutil.STATUS_STOPPED for p in family), 5)
    assert all(process.is_paused(p.pid) for p in family)
    assert not process.is_paused(os.getpid())
    process.send(family, signal.SIGCONT)
    assert process.wait_until(lambda: all(p.status() != psutil.STATUS_STOPPED for p in family), 5)
    assert not any(process.is_paused(p.pid) for p in family)
    assert process.kill_tree(root.pid)
    assert process.wait_until(lambda: not any(p.is_running() for p in family), 5)
    assert not process.is_paused(root.pid)


def test_signals_do_not_reach_a_process_that_took_the_pid(tmp_path: Path) -> None:
    root = spawn(launch(PARENT, tmp_path))
    begun = started(root.pid)
    assert process.wait_until(lambda: len(process.tree(root.pid, begun)) == 2, 10)
    assert process.tree(root.pid, begun - 1) == []
    assert process.pause_tree(root.pid, begun - 1) == []
    assert process.kill_tree(root.pid, begun - 1)  # that one is gone already
    assert not process.is_paused(root.pid)
    assert process.is_alive(root.pid, begun)
    assert process.kill_tree(root.pid, begun)
    assert not process.is_alive(root.pid, begun)


def test_a_process_with_many_threads_is_paused_as_a_whole(tmp_path: Path) -> None:
    code = "import threading, time\nfor _ in range(20): threading.Thread(target=time.sleep, args=(60,)).start()"
    root = spawn(launch(code, tmp_path))
    try:
        assert process.wait_until(lambda: psutil.Process(root.pid).num_threads() > 20, 10)
        assert not process.is_paused(root.pid)
        process.pause_tree(root.pid)
        assert process.wait_until(lambda: process.is_paused(root.pid), 5)
    finally:
        assert process.kill_tree(root.pid)


def test_run_to_end_reports_failure_with_the_log(tmp_path: Path) -> None:
    code = "import sys; print('read', sys.stdin.read()); sys.exit(3)"
    with pytest.raises(StackError, match=r"formatting failed with exit code 3; its log says:\n  read word"):
        for _ in run_to_end(launch(code, tmp_path), "formatting", 10, b"word"):
            time.sleep(0.01)


def test_run_to_end_is_bounded_and_kills(tmp_path: Path) -> None:
    steps = run_to_end(launch(SLEEPER, tmp_path), "formatting", 0.3)
    with pytest.raises(StackError, match=r"formatting took longer than 0\.3 s"):
        for _ in steps:
            time.sleep(0.01)
    assert not sleeps_somewhere()


def test_run_to_end_given_up_kills(tmp_path: Path) -> None:
    steps = run_to_end(launch(SLEEPER, tmp_path), "formatting", 30)
    next(steps)
    steps.close()
    assert not sleeps_somewhere()


def test_log_tail(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert process.log_tail(log) == "  (no log)"
    log.write_text("")
    assert process.log_tail(log) == "  (its log is empty)"
    log.write_text("\n".join(str(number) for number in range(10_000)))
    assert process.log_tail(log, 2) == "  9998\n  9999"
