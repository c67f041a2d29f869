"""Docker Compose's command line: found, run with bounds, and its failures told in one sentence with its last lines."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack import process
from stack.errors import StackError
from stores.variables import dropped_variables

_WAYS: Final = (("docker", "compose"), ("docker-compose",))
_VERSION_S: Final = 20.0
_NO_COLOURS: Final = {"DOCKER_CLI_HINTS": "false", "COMPOSE_PROGRESS": "plain", "NO_COLOR": "1"}


def find() -> tuple[str, ...]:
    """Return the command: `docker compose` (version 2 and newer), else `docker-compose`.

    Raises StackError when there is neither.
    """
    for way in _WAYS:
        try:
            asked = subprocess.run(
                [*way, "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0:
            return way
    raise StackError(
        "neither 'docker compose' nor 'docker-compose' can be run here: install Docker Compose (1.29 or newer)"
    )


def default_project(file: Path) -> str:
    """Return the name that Compose itself gives the project of `file`: COMPOSE_PROJECT_NAME, else its folder's name."""
    given = os.environ.get("COMPOSE_PROJECT_NAME", "")
    name = re.sub(r"[^-_a-z0-9]", "", (given or file.resolve().parent.name).lower()).lstrip("-_")
    return name or "default"


class ComposeCommand:
    """Compose for one project.

    command: as `find` returns it. file: the compose file. project: its name.
    """

    def __init__(self, command: tuple[str, ...], file: Path, project: str) -> None:
        self._base = (*command, "-p", project, "-f", str(file))
        self._folder = file.resolve().parent

    def run(self, *arguments: str, env: Mapping[str, str], timeout_s: float, doing: str) -> None:
        """Run it to its end.

        env: variables beside those of this process. timeout_s: then it is ended. doing: what it does, for errors.
        Raises StackError with its last lines when it fails, or when it is not over in time.
        """
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "compose.log"
            with log.open("wb") as out:
                child = subprocess.Popen(
                    [*self._base, *arguments],
                    cwd=self._folder,
                    # A compose file of the user's own may use any variable.
                    env={**dropped_variables(), **os.environ, **_NO_COLOURS, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    # A Ctrl-C in the terminal reaches the harness, which decides what becomes of the stack.
                    start_new_session=True,
                )
            try:
                code = child.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise StackError(
                    f"{doing} took longer than {timeout_s:g} s; Compose said last:\n{process.log_tail(log)}"
                ) from None
            finally:
                if child.poll() is None:
                    process.kill_tree(child.pid)
                    child.wait()
            if code != 0:
                raise StackError(f"{doing} failed (exit code {code}); Compose said last:\n{process.log_tail(log)}")
