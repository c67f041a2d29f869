"""The pair of commands of the tests: `python -m tests.external.broker stop|start|is-up HOME`."""

import sys
from pathlib import Path

from stack.embedded import EmbeddedStack


def main(act: str, home: str) -> int:
    """Stop or start the broker of the stack in `home`, or say with the exit code whether it runs."""
    broker = EmbeddedStack(Path(home)).broker
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
