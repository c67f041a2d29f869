"""Has a run judged by `python -m reconcile` in a process of its own, and keeps the summary that it prints.

What reconcile needs to read the stores goes to it in the environment, never on its command line.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from chaos.subject import Subject
from runlog import exitcodes
from runlog.folder import RunFolder, read_json

TIMEOUT_S: Final = 900.0


class Judging:
    """Judges runs; remembers the last summary.

    Attributes:
        summary: what a person reads at the end of a run; empty before.
    """

    def __init__(self) -> None:
        self.summary = ""

    def judge(self, folder: RunFolder, subject: Subject) -> int:
        """Reconcile the run in `folder` and return the exit code of its verdict.

        A reconciler that crashes, overstays or leaves no report makes this 2, whatever it returned.
        """
        environment = {
            **os.environ,
            "LOCUST_DATABASE_URL": subject.database_url,
            "LOCUST_KAFKA_BOOTSTRAP": subject.kafka["bootstrap.servers"],
        }
        if sys.stdout.isatty():
            environment |= {"FORCE_COLOR": "1", "COLUMNS": str(os.get_terminal_size().columns)}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "reconcile", str(folder.path)],
                cwd=Path(__file__).resolve().parent.parent,
                env=environment,
                stdout=subprocess.PIPE,
                timeout=TIMEOUT_S,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.summary = f"The reconciler did not end within {TIMEOUT_S:g} s; run: python -m reconcile {folder.path}"
            return exitcodes.USAGE_OR_CRASH
        self.summary = done.stdout
        try:
            return int(read_json(folder.report)["exit_code"])
        except (OSError, ValueError, KeyError, TypeError):
            return exitcodes.USAGE_OR_CRASH
