"""A lookout as the harness runs it, in a process that gevent has patched: told what to await, tells what was proven.

python -m tests.chaos.watcher      (the lookout's configuration, then commands, a line each, on standard input)
"""

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from chaos.monitor.client import MonitorClient, NotProven  # noqa: E402
from chaos.monitor.monitor import MonitorConfig  # noqa: E402


def main() -> None:
    config = MonitorConfig.load(sys.stdin.readline())
    watch = MonitorClient(config, Path(config.offsets_file).with_name("monitor.log"))
    try:
        for line in sys.stdin:
            order = json.loads(line)
            told: dict[str, object] = {}
            try:
                if order["await"] == "answer":
                    watch.await_answer(order["timeout"])
                elif order["await"] == "now":
                    told["now"] = config.clock.now()
                else:
                    wait = watch.await_down if order["await"] == "down" else watch.await_up
                    proof = wait(order["since"], order["timeout"])
                    told |= {"edge": proof.edge, "seen": proof.seen}
            except NotProven as error:
                told["not_proven"] = str(error)
            sys.stdout.write(json.dumps({**told, "trouble": watch.trouble}) + "\n")
            sys.stdout.flush()
    finally:
        watch.close()


main()
