"""A process that is patched as the harness is: holds a monitor, prints as JSON whether it was answered, and ends.

python -m tests.security.watching LOG WORDS      (configuration of the monitor as one line on standard input)

It waits for 40 s at most, or until the reason why there is no answer has WORDS (where these are empty, none has). A
busy machine knows it late.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from chaos.monitor.client import MonitorClient, NotProven  # noqa: E402
from chaos.monitor.monitor import MonitorConfig  # noqa: E402

WAIT_S = 40.0
PIECE_S = 2.0


def reason(monitor: MonitorClient, words: str) -> str | None:
    """Why there is no answer, None where there is one."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            monitor.await_answer(PIECE_S)
        except NotProven as problem:
            if (words and words in str(problem)) or time.monotonic() > deadline:
                return str(problem)
        else:
            return None


if __name__ == "__main__":
    monitor = MonitorClient(MonitorConfig.load(sys.stdin.readline()), Path(sys.argv[1]))
    try:
        why = reason(monitor, sys.argv[2])
    finally:
        monitor.close()
    sys.stdout.write(json.dumps({"why": why}))
