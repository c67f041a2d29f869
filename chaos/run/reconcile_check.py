"""Asks `python -m reconcile check` whether a run can be judged, on the canary order of preflight.

It is a process of its own, as judging a run is. It starts early, so that it imports its modules while the other checks
run. Secrets reach it on standard input only.
"""

import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from files.paths import child_environment
from redaction.masking import mask_line
from redaction.properties import secret_values
from runlog.check_request import CheckAnswer, CheckRequest

log = logging.getLogger("chaos")

LIMIT_S: Final = 120.0
SAY_EVERY_S: Final = 5.0


class ReconcilerCheck:
    """One check. Leaving its block ends the process."""

    def __init__(self) -> None:
        self._errors = b""
        self._answer = CheckAnswer(doing="starting")
        self._process = subprocess.Popen(
            # -P: a package in the user's folder must not shadow one of ours.
            [sys.executable, "-P", "-m", "reconcile", "check"],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def ask(self, request: CheckRequest, limit_s: float = LIMIT_S) -> str | None:
        """Return why a run cannot be judged, in one sentence; None if it can."""
        reader = threading.Thread(target=self._exchange, args=(request.dump(),), daemon=True)
        reader.start()
        begun = said = time.monotonic()
        while reader.is_alive():
            reader.join(0.05 if time.monotonic() - begun < 1.0 else 0.5)
            now = time.monotonic()
            if now - begun > limit_s:
                return (
                    f"timed out after {limit_s:g} s waiting for the reconciler to check the order; it was "
                    f"{self._answer.doing}"
                )
            if now - said > SAY_EVERY_S:
                said = now
                log.info("preflight: the reconciler checks the order: %s (%.0f s)", self._answer.doing, now - begun)
        if self._answer.done:
            return self._answer.problem
        secrets = [request.database_url, *secret_values(request.kafka)]
        return f"the reconciler's check of the order failed: {mask_line(self._last_error(), secrets)}"

    def __enter__(self) -> "ReconcilerCheck":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _exchange(self, line: bytes) -> None:
        """Send the request, and keep each answer as it comes."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if stdin is None or stdout is None or stderr is None:
            return
        try:
            with suppress(BrokenPipeError):
                stdin.write(line)
                stdin.flush()
            for answer in stdout:
                self._answer = CheckAnswer.load(answer)
            self._errors = stderr.read()
        except (OSError, ValueError):
            return  # `ask` reports it, as no answer was the last one

    def _last_error(self) -> str:
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with code {self._process.wait()}"
