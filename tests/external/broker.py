"""The pair of commands of the tests: `python -m tests.external.broker stop|start|is-up HOME`."""

import sys
from pathlib import Path

from stack.embedded import EmbeddedStack
from tests.kafka_secure import SecureBroker


def main(act: str, home: str) -> int:
    """Stop or start the broker in `home`, or say with the exit code whether it runs."""
    broker = SecureBroker.at(Path(home)) if SecureBroker.is_at(Path(home)) else EmbeddedStack(Path(home)).broker
    if act == "is-up":
        return 0 if broker.is_alive() else 3
    if act == "stop":
        broker.stop(20.0)
    else:
        broker.start()
    sys.stdout.write(f"broker: {act} done\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
