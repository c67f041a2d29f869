"""The user under real Locust, in a process of its own because Locust patches the one that it is imported into."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runlog.ledger import read_ledger

pytestmark = pytest.mark.process

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("users", [1, 10])
def test_any_number_of_users_sends_what_is_due_and_stopping_them_cuts_no_request(tmp_path: Path, users: int) -> None:
    path = tmp_path / "ledger.bin"
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.locust_process", str(path), str(users)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["errors"] == []
    assert printed["users_left"] == 0
    assert printed["open_requests"] == printed["sent"] >= 50
    assert printed["settled"]
    assert printed["rows"] == {"POST /orders [baseline]": [printed["sent"], 0]}
    ledger = read_ledger(path)
    assert ledger.complete
    assert ledger.due == printed["sent"]
