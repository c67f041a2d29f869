"""A process that is patched as the harness is: holds a lookout, says as JSON whether it was answered, and ends.

python -m tests.security.watching SECONDS LOG      (configuration of the lookout as one line on standard input)
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from chaos.monitor.client import MonitorClient, NotProven  # noqa: E402
from chaos.monitor.monitor import MonitorConfig  # noqa: E402

if __name__ == "__main__":
    watch = MonitorClient(MonitorConfig.load(sys.stdin.readline()), Path(sys.argv[2]))
    why: str | None = None
    try:
        watch.await_answer(float(sys.argv[1]))
    except NotProven as vain:
        why = str(vain)
    finally:
        watch.close()
    sys.stdout.write(json.dumps({"why": why}))
