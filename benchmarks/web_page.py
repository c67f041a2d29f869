"""What the page costs the process that sends the load: four viewers, at 200 orders/s."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks.result import Aim, Result, Table
from runlog.folder import RunFolder
from runlog.ledger import RecordKind, read_ledger

NAME: Final = "web-page"
RATE: Final = 200
SECONDS: Final = 30.0
VIEWERS: Final = 4
UPDATES: Final = 10_000
QUICK: Final = 5.0
METHOD: Final = """\
`locust` with its web UI sends 200 orders/s to the embedded stack on the same cores. First no page is open, then four
viewers ask as the page does: state and picture once a second each. Processor time is that of Locust's process alone.
"Gap" is the longest time from an order's due moment to its sending, by the ledger. Then state and picture are asked for
as often as possible; growth is that of the process's memory between the 500th and the last of 10,000 updates."""


@dataclass(slots=True)
class Watched:
    """What was measured in one stretch of time."""

    share: float = 0.0
    answers: list[float] = field(default_factory=list)
    begin: float = 0.0
    end: float = 0.0


def run(quick: bool) -> Result:
    seconds, updates = (QUICK, 1000) if quick else (SECONDS, UPDATES)
    with _locust() as (process, base, runs):
        _post(f"{base}/chaos/start", b'{"options": {}}')
        _await_load(base)
        alone = _watch(process, base, seconds, 0)
        viewed = _watch(process, base, seconds, VIEWERS)
        grown, each = _hammer(process, base, updates)
        ledger = read_ledger(RunFolder((runs / "latest").resolve()).ledger).attempts
    sent = ledger[ledger["kind"] != RecordKind.NOT_SENT]
    gaps = []
    for part in (alone, viewed):
        inside = sent[(sent["due"] >= part.begin) & (sent["due"] < part.end)]
        gaps.append(float((inside["sent"] - inside["due"]).max()))
    added, slowest = 100 * (viewed.share - alone.share), max(viewed.answers)
    rows = [
        ["no page open", f"{100 * alone.share:.1f} %", f"{1000 * gaps[0]:.0f} ms", ""],
        ["four viewers", f"{100 * viewed.share:.1f} %", f"{1000 * gaps[1]:.0f} ms",
         f"{1000 * statistics.median(viewed.answers):.0f} ms (slowest {1000 * slowest:.0f} ms)"],
    ]  # fmt: skip
    return Result(
        NAME,
        "What the page costs",
        METHOD,
        [Table(["", "of one core", "longest gap", "answers (median)"], rows)],
        [
            Aim("four viewers add at most 5 % of one core", f"{added:.1f} %", added <= 5),
            Aim("no gap above 50 ms with them", f"{1000 * gaps[1]:.0f} ms", gaps[1] <= 0.05),
            Aim("answers within 100 ms", f"{1000 * slowest:.0f} ms", slowest <= 0.1),
            Aim(
                f"growth below 5 MB over {updates} updates", f"{grown:.1f} MB", grown < 5, f"{1000 * each:.1f} ms each"
            ),
        ],
        {"alone": alone.share, "viewed": viewed.share, "gaps_s": gaps, "grown_mb": grown, "update_s": each},
    )


@contextmanager
def _locust() -> Iterator[tuple[psutil.Process, str, Path]]:
    """Serve the web UI on a free port; yield the process, its address and its runs folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).parent / "locust"), "--web-port", str(port), "--runs-dir", f"{folder}/runs",
            "--rate", str(RATE), "--baseline", "10m", "--loglevel", "ERROR",
        ]  # fmt: skip
        environment = {**os.environ, "HARNESS_STACK_HOME": f"{folder}/stack"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        base = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 120
            while not _answers(f"{base}/chaos/state"):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("the web UI did not answer within 120 s")
                time.sleep(0.2)
            yield psutil.Process(process.pid), base, Path(folder) / "runs"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
            subprocess.run([sys.executable, "-m", "stack", "clean"], env=environment, check=False)


def _answers(address: str) -> bool:
    try:
        _get(address)
    except OSError:
        return False
    return True


def _get(address: str) -> float:
    """Ask, and return how long the answer took, seconds."""
    begun = time.monotonic()
    with urllib.request.urlopen(address, timeout=20) as answer:
        answer.read()
    return time.monotonic() - begun


def _post(address: str, body: bytes) -> None:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def _await_load(base: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(f"{base}/chaos/picture", timeout=20) as answer:
            if answer.read():
                return
        if time.monotonic() > deadline:
            raise RuntimeError("there was no picture of the run within 60 s")
        time.sleep(0.2)


def _watch(process: psutil.Process, base: str, seconds: float, viewers: int) -> Watched:
    """Let viewers look for `seconds`."""
    found, stop = Watched(begin=time.time()), threading.Event()

    def look() -> None:
        while not stop.wait(1.0):
            found.answers.extend([_get(f"{base}/chaos/state"), _get(f"{base}/chaos/picture")])

    threads = [threading.Thread(target=look) for _ in range(viewers)]
    before = sum(process.cpu_times()[:2])
    for place, thread in enumerate(threads):
        threading.Timer(place / max(1, viewers), thread.start).start()
    time.sleep(seconds)
    found.end = time.time()
    found.share = (sum(process.cpu_times()[:2]) - before) / (found.end - found.begin)
    stop.set()
    for thread in threads:
        thread.join()
    return found


def _hammer(process: psutil.Process, base: str, updates: int) -> tuple[float, float]:
    """Ask for `updates` updates; return the growth in MB after the first 500, and the seconds of each."""
    begun, grown_from = time.monotonic(), 0
    for number in range(updates):
        if number == min(500, updates // 2):
            grown_from = process.memory_info().rss
        _get(f"{base}/chaos/state")
        _get(f"{base}/chaos/picture")
    return (process.memory_info().rss - grown_from) / 1e6, (time.monotonic() - begun) / updates
