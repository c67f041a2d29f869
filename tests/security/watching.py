"""A process that is patched as the harness is: holds a monitor, prints as JSON whether it was answered, and ends.

python -m tests.security.watching SECONDS LOG      (configuration of the monitor as one line on standard input)
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from chaos.monitor.client import MonitorClient, NotProven  # noqa: E402
from chaos.monitor.monitor import MonitorConfig  # noqa: E402

if __name__ == "__main__":
    monitor = MonitorClient(MonitorConfig.load(sys.stdin.readline()), Path(sys.argv[2]))
    why: str | None = None
    try:
        monitor.await_answer(float(sys.argv[1]))
    except NotProven as problem:
        why = str(problem)
    finally:
        monitor.close()
    sys.stdout.write(json.dumps({"why": why}))
