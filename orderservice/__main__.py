"""``python -m orderservice``: read the settings and run the service; a failure is one sentence.

Exit codes: 0 ended by SIGTERM or SIGINT, 2 a wrong setting, 4 the port is taken or the database does not answer.
"""

import logging
import sys
import time

import uvloop

from orderservice.database import DatabaseUnavailableError
from orderservice.kafka_client import ClientConfigError
from orderservice.server import PortUnavailableError, serve
from orderservice.settings import SettingsError, load


def main(arguments: list[str]) -> int:
    """Run the service and return its exit code."""
    _plain_log()
    try:
        uvloop.run(serve(load(arguments)))
    except (SettingsError, ClientConfigError) as wrong:
        return _complain(str(wrong), 2)
    except (PortUnavailableError, DatabaseUnavailableError) as unavailable:
        return _complain(str(unavailable), 4)
    return 0


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"orderservice: {sentence}\n")
    return code


def _plain_log() -> None:
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    # These log each connection; our own lines hold what matters.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
