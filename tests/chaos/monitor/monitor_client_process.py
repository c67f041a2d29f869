"""A monitor client in a process that gevent has patched, as in the harness.

    python -m tests.chaos.monitor.monitor_client_process

Standard input: the monitor's configuration, then one JSON command a line; standard output: one JSON answer a line.
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
    client = MonitorClient(config, Path(config.offsets_file).with_name("monitor.log"))
    try:
        for line in sys.stdin:
            command = json.loads(line)
            answer: dict[str, object] = {}
            try:
                if command["await"] == "answer":
                    client.await_answer(command["timeout"])
                elif command["await"] == "now":
                    answer["now"] = config.clock.now()
                else:
                    wait = client.await_effect if command["await"] == "down" else client.await_back
                    proof = wait(command["since"], command["timeout"])
                    answer |= {"edge": proof.edge, "seen": proof.seen}
            except NotProven as error:
                answer["not_proven"] = str(error)
            sys.stdout.write(json.dumps({**answer, "trouble": client.trouble}) + "\n")
            sys.stdout.flush()
    finally:
        client.close()


main()
