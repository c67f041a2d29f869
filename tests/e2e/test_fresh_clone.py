"""What the README promises a newcomer: a fresh clone, Python and make, nothing else; `make run` gives the verdict."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import CHECKOUT, assert_nothing_runs

pytestmark = [pytest.mark.exhaustive, pytest.mark.real, pytest.mark.timeout(900)]
TOOLS = ("sh", "make", "awk", "git", "env", "touch", "rm", "uname", "mkdir", "cat", "test")


def bare_path(folder: Path) -> str:
    folder.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    for absent in ("java", "mvn", "psql", "postgres", "docker", "kcat", "pip"):
        assert shutil.which(absent, path=str(folder)) is None
    return str(folder)


def test_make_run_from_nothing(tmp_path: Path) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True, timeout=60)
    home.mkdir()
    # Only what says how to reach the package index comes along from this environment.
    keep = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT", "REQUESTS_CA")
    env = {name: value for name, value in os.environ.items() if name.upper().startswith(keep)}
    env |= {"HOME": str(home), "PATH": bare_path(tmp_path / "bin")}
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    done = subprocess.run(
        [str(tmp_path / "bin" / "make"), "run", f"PYTHON={python}"],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "INCONSISTENT" in done.stdout
    assert "exit code 0" in done.stdout
    lost = (clone / "runs" / "latest" / "lost-events.csv").read_text().splitlines()
    assert len(lost) - 1 > 15 * 20 * 0.8
    assert_nothing_runs(clone / ".stack")
    changed = subprocess.run(
        ["git", "status", "--short"], cwd=clone, capture_output=True, text=True, timeout=30, check=True
    )
    assert changed.stdout == ""
