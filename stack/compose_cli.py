"""Docker Compose's command line: found, run with a time limit, its failures in one sentence with its last lines."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack import process
from stack.errors import StackError
from stack.process import Launch
from stack.spawn import spawn
from stores.variables import dropped_variables

_COMMANDS: Final = (("docker", "compose"), ("docker-compose",))
_VERSION_S: Final = 20.0
_GRACE_S: Final = 5.0
_NO_COLOURS: Final = {"DOCKER_CLI_HINTS": "false", "COMPOSE_PROGRESS": "plain", "NO_COLOR": "1"}


def find() -> tuple[str, ...]:
    """Return the command: `docker compose` (version 2 and newer), else `docker-compose`.

    Raises StackError when neither can be run.
    """
    for command in _COMMANDS:
        try:
            done = subprocess.run(
                [*command, "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return command
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

    command: as `find` returns it. file: the compose file. project: the project's name.
    """

    def __init__(self, command: tuple[str, ...], file: Path, project: str) -> None:
        self._base = (*command, "-p", project, "-f", str(file))
        self._folder = file.resolve().parent

    def run(self, *arguments: str, env: Mapping[str, str], timeout_s: float, doing: str) -> None:
        """Run one command to its end.

        env: variables in addition to those of this process. timeout_s: then it is killed. doing: for errors.
        Raises StackError with its last lines when it fails or takes longer.
        """
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "compose.log"
            # A compose file of the user's own may use any variable.
            variables = {**dropped_variables(), **os.environ, **_NO_COLOURS, **env}
            child = spawn(Launch((*self._base, *arguments), self._folder, log, variables))
            try:
                code = child.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise StackError(
                    f"{doing} took longer than {timeout_s:g} s; Compose's last lines:\n{process.log_tail(log)}"
                ) from None
            except BaseException:
                # The engine goes on creating a container for a killed Compose, and nothing would remove that container.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=_GRACE_S)
                raise
            finally:
                if child.poll() is None:
                    process.kill_tree(child.pid)
                    child.wait()
            if code != 0:
                raise StackError(f"{doing} failed (exit code {code}); Compose's last lines:\n{process.log_tail(log)}")
