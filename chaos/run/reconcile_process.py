"""Runs `python -m reconcile` on a finished run and keeps the summary that it prints.

It is a process of its own because judging millions of orders would stall Locust's event loop for seconds.
"""

import os
import subprocess
import sys
from typing import Final

from chaos.sut.sut import SystemUnderTest
from files.paths import child_environment
from files.safe_files import read_json
from runlog import exit_codes
from runlog.folder import RunFolder
from runlog.judgement_status import judge_command

TIMEOUT_S: Final = 900.0


class ReconcileProcess:
    """Judges runs, one at a time; remembers the last summary.

    Attributes:
        summary: what a person reads at the end of a run; empty before.
    """

    def __init__(self) -> None:
        self.summary = ""
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def judge(self, folder: RunFolder, sut: SystemUnderTest) -> int | None:
        """Reconcile the run in `folder` and return the exit code of its verdict, None when that was cancelled.

        Returns 2 if the reconciler crashes, times out or leaves no report, whatever code it ended with.

        Raises:
            ValueError: a client property cannot be passed on.
        """
        again = f"`{judge_command(sut.stack, folder)}` judges it while its stores are up\n"
        properties = _properties(sut)
        # A session of its own: the harness handles a Ctrl-C in the terminal, see `chaos.run.signal_handler`.
        self._process = subprocess.Popen(
            # -P: a package in the user's folder must not shadow one of ours.
            [sys.executable, "-P", "-m", "reconcile", str(folder.path)],
            env=_environment(sut),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The reconciler writes UTF-8 whatever the locale; a byte that is not UTF-8 must not cost the verdict.
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        if self._cancelled:
            # `cancel` was called while the process started.
            self._process.terminate()
        try:
            self.summary, _ = self._process.communicate(properties, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.summary = f"The reconciler was stopped after {TIMEOUT_S:g} s; {again}"
            return exit_codes.USAGE_OR_CRASH
        finally:
            process, self._process = self._process, None
            cancelled, self._cancelled = self._cancelled, False
        if cancelled and process.returncode < 0:
            self.summary = f"The run was not judged; {again}"
            return None
        code = _code_in(folder)
        if code is not None and code == process.returncode:
            return code
        # If there is a report, an earlier process wrote it.
        self.summary += f"The run could not be judged (the reason is above); {again}"
        return exit_codes.USAGE_OR_CRASH

    def cancel(self) -> None:
        """Stop the reconciler if it runs; what it has read so far is discarded, the history stays."""
        self._cancelled = True
        if self._process is not None:
            self._process.terminate()


def _code_in(folder: RunFolder) -> int | None:
    try:
        return int(read_json(folder.report)["exit_code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _properties(sut: SystemUnderTest) -> str:
    """Return the client properties as the text of a properties file; a pipe carries it, so no file holds a secret.

    Raises:
        ValueError: a value cannot be written in that form.
    """
    for name, value in sut.kafka.items():
        if any(sign in value for sign in "\r\n"):
            raise ValueError(f"the Kafka client property {name} has a value of several lines")
    return "".join(f"{name}={value}\n" for name, value in sut.kafka.items())


def _environment(sut: SystemUnderTest) -> dict[str, str]:
    """Return the environment for reading the stores. Secrets travel here or in the pipe, never on a command line."""
    environment = {
        **child_environment(),
        "PYTHONIOENCODING": "utf-8",
        "LOCUST_DATABASE_URL": sut.database_url,
        "LOCUST_KAFKA_BOOTSTRAP": sut.kafka["bootstrap.servers"],
        # Those of this run, whatever file the user's own environment names.
        "LOCUST_KAFKA_CONFIG": "/dev/stdin",
    }
    if sys.stdout.isatty():
        environment |= {"FORCE_COLOR": "1", "COLUMNS": str(os.get_terminal_size().columns)}
    return environment
