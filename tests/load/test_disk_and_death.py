"""The ledger when the disk is full and when the process is killed: nothing that was sent is ever missing from it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.run_key import RunKey
from runlog.ledger import HEADER, RECORD_BYTES, RecordKind, read_ledger

from . import target as scripts
from .target import Target, await_that, serving

pytestmark = pytest.mark.process

KEY = RunKey.random()
CHECKOUT = Path(__file__).resolve().parents[2]


def start(target: Target, ledger: Path, seconds: float, limit: int | None = None) -> subprocess.Popen[str]:
    arguments = [target.url, str(ledger), str(KEY), str(seconds), *([str(limit)] if limit else [])]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.load.sender_process", *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def facts(child: subprocess.Popen[str]) -> dict[str, Any]:
    await_that(lambda: child.poll() is not None, "the sending process to end", 60)
    out, errors = child.communicate()
    assert (child.returncode, errors) == (0, "")  # no traceback of any greenlet either
    result: dict[str, Any] = json.loads(out)
    return result


@pytest.mark.parametrize("torn", [0, 20])
def test_a_full_disk_becomes_trouble_and_nothing_else(tmp_path: Path, torn: int) -> None:
    """The disk takes 31 records, and in one case a piece of the next."""
    path = tmp_path / "ledger.bin"
    with serving() as target:
        printed = facts(start(target, path, 1.5, HEADER.size + 31 * RECORD_BYTES + torn))
    assert printed["trouble"].startswith("the ledger cannot be written: ")
    assert (printed["failed_senders"], printed["settled"]) == ([], True)
    ledger = read_ledger(path)
    assert not ledger.closed
    assert not ledger.complete
    assert ledger.torn_bytes == torn
    # What is on disk is what was sent: an order whose record did not fit was not sent either.
    on_disk = set(ledger.attempts["seq"].tolist())
    assert {KEY.sequence_of(seen.customer_id) for seen in target.seen} == on_disk
    assert len(on_disk) == printed["sent"]
    assert path.stat().st_size == HEADER.size + 31 * RECORD_BYTES + torn


def test_a_killed_process_leaves_every_attempt(tmp_path: Path) -> None:
    """Not one order is answered; each that has reached the service is in the ledger when the process is killed."""
    path = tmp_path / "ledger.bin"
    with serving(lambda sock, seen: len(target.seen) % 2 == 0 and scripts.acknowledge(sock, seen)) as target:
        child = start(target, path, 60.0)
        try:
            await_that(lambda: len(target.seen) >= 60, "60 orders at the target")
        finally:
            child.send_signal(signal.SIGKILL)
            child.communicate(timeout=20)
        assert child.returncode == -signal.SIGKILL
        ledger = read_ledger(path)
        seen = {KEY.sequence_of(order.customer_id) for order in target.seen}
    assert seen <= set(ledger.attempts["seq"].tolist())
    assert not ledger.closed
    assert ledger.torn_bytes == 0
    assert ledger.missing == 0
    assert RecordKind.COMPLETED in ledger.attempts["kind"]  # answers are kept as they come, too
