"""Operating-system processes known by pid *and* start time, and the signals sent to them.

A pid alone proves nothing: the kernel reuses it. All functions also work on processes that another process started,
wait by short sleeps (so that they may run under gevent, whose patched `time.sleep` lets other greenlets run), and treat
a zombie as ended; a child of this process is reaped.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

POLL_S = 0.02
_KILL_WAIT_S = 5.0
_TAIL_BYTES = 4096
_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()
_DEAD_STATES = ("Z", "X")
_STOPPED_STATE = "T"
# Of /proc/PID/stat, counted after the command's closing bracket (proc(5) fields 20 and 22).
_THREADS_FIELD, _START_TIME_FIELD = 17, 19
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Children of this process. Kept so that they are reaped through their own Popen, as gevent's needs, and so that Popen
# does not warn when the object that started them is deleted.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start_time(pid: int) -> float | None:
    """Return when process `pid` started, in seconds, or None if there is no such process or it is a zombie.

    On Linux counted from boot, as psutil's epoch time changes when the wall clock is stepped; elsewhere psutil's.
    """
    _reap_children()
    try:
        if not _HAS_PROC:
            other = psutil.Process(pid)
            return None if other.status() == psutil.STATUS_ZOMBIE else float(other.create_time())
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    # A JVM's first thread ends before the others: it is a zombie while the process still runs.
    if fields[0] in _DEAD_STATES and int(fields[_THREADS_FIELD]) <= 1:
        return None
    return int(fields[_START_TIME_FIELD]) / _TICKS_PER_S


def now() -> float:
    """Return the current time on the clock of `start_time`, seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _HAS_PROC else time.time()


def _reap_children() -> None:
    """Reap every child of this process that has ended, also one that is no longer recorded."""
    for child in list(_children.values()):
        if child.poll() is not None:
            _children.pop(child.pid, None)


def is_alive(pid: int, started: float) -> bool:
    """Whether the process that had `pid` when it started at `started` (see `start_time`) still runs."""
    return start_time(pid) == started


def is_paused(pid: int) -> bool:
    """Whether every thread of process `pid` is stopped (SIGSTOP). False if it is gone or a zombie."""
    if not _HAS_PROC:
        with suppress(psutil.NoSuchProcess):
            return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        return False
    states = set()
    # Process or thread may have ended meanwhile.
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                text = (thread / "stat").read_text(encoding="utf-8", errors="replace")
                states.add(text.rpartition(")")[2].split()[0])
    return states - {*_DEAD_STATES} == {_STOPPED_STATE}


@dataclass(frozen=True, slots=True)
class Launch:
    """How a component's process is started.

    argv holds no secret, as any user may read it; env is the whole environment.
    user and group: numeric ids to run as, or None for our own.
    """

    argv: tuple[str, ...]
    cwd: Path
    log_path: Path
    env: Mapping[str, str] = field(repr=False, default_factory=dict)
    user: int | None = None
    group: int | None = None


def adopt(child: subprocess.Popen[bytes]) -> None:
    """Keep a child of this process until it has ended, so that it is reaped."""
    _children[child.pid] = child


def tree(pid: int, started: float | None = None) -> list[psutil.Process]:
    """Return the process `pid` and all its descendants, the root first; empty if it is gone.

    started: if given, also empty when the process with this pid has another start time.
    """
    try:
        root = psutil.Process(pid)
        if started is not None and start_time(pid) != started:
            return []
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each process that still runs (psutil refuses a reused pid)."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def pause_tree(pid: int, started: float | None = None) -> list[psutil.Process]:
    """SIGSTOP a process and its descendants, and return them; the root first, so that it cannot fork meanwhile."""
    root = tree(pid, started)[:1]
    send(root, signal.SIGSTOP)
    processes = tree(pid, started) or root
    send(processes, signal.SIGSTOP)
    return processes


def kill_tree(pid: int, started: float | None = None) -> bool:
    """SIGKILL a process and its descendants; True once all are gone, False if some still run after 5 s."""
    processes = pause_tree(pid, started)
    send(processes, signal.SIGKILL)
    return wait_until(lambda: all(start_time(process.pid) is None for process in processes), _KILL_WAIT_S)


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = POLL_S) -> bool:
    """Poll `condition` every `poll_s` seconds until it holds (True) or `timeout_s` seconds have passed (False)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_s)
    return True


def log_tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a log file, indented for an error text, or a note that there are none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return "  (no log)"
    kept = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  {line}" for line in kept) or "  (its log is empty)"


def accepts(host: str, port: int, timeout_s: float) -> bool:
    """Whether a process accepts TCP connections there. No proof of health, but cheaper than a probe."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False
