"""The embedded stack comes up, answers and takes orders in a shell full of variables that are meant for others."""

import http.client
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from files.paths import CHECKOUT
from tests.stack.shell_variables import FULL

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def stack(home: Path, *arguments: str) -> str:
    env = {**os.environ, **FULL, "HARNESS_STACK_HOME": str(home)}
    # With it each of our own commands would end in a prompt.
    del env["PYTHONINSPECT"]
    done = subprocess.run(
        [sys.executable, "-m", "stack", *arguments], cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=150,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.exhaustive
def test_no_variable_of_the_shell_reaches_the_embedded_stack(tmp_path: Path) -> None:
    home = tmp_path / "stack"
    try:
        stack(home, "up")
        state: dict[str, Any] = json.loads(stack(home, "status", "--json"))
        assert state["up"] is True
        connection = http.client.HTTPConnection(state["host"], state["ports"]["service"], timeout=10)
        item = {"productId": str(uuid.uuid4()), "quantity": 1, "unitPrice": 2.5}
        order = {"customerId": str(uuid.uuid4()), "items": [item]}
        connection.request("POST", "/orders", json.dumps(order), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (201, True)
        connection.close()
        for pid in (part["pid"] for part in state["components"].values()):
            seen = Path(f"/proc/{pid}/environ").read_bytes()
            for name in FULL.keys() - {"LC_ALL", "LANG", "TZ", "CLASSPATH"}:
                assert f"{name}={FULL[name]}".encode() not in seen, (pid, name)
            assert b"planted" not in seen
    finally:
        stack(home, "clean")
