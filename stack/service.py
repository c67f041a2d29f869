"""The order service under test, run from this checkout and configured by environment variables alone."""

import os
import sys
from dataclasses import asdict, fields
from typing import ClassVar

from files.paths import CHECKOUT
from health.check import Health, check_http
from stack import orphans, process
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.ports import HOST
from stack.settings import ServiceSettings
from stack.state_file import StackState

HEALTH_PATH = "/actuator/health"
# With these Python and its packages are found.
_NEEDED = ("HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")


def environment(state: StackState, port: int) -> dict[str, str]:
    """The service's variables for this stack. Holds the database's password: for the process's environment only."""
    return {
        "ORDERSERVICE_HOST": HOST,
        "ORDERSERVICE_PORT": str(port),
        "ORDERSERVICE_DATABASE_URL": state.service_database_url,
        "ORDERSERVICE_KAFKA_BOOTSTRAP": state.service_kafka_bootstrap,
        **behaviour(state.settings),
    }


def behaviour(settings: ServiceSettings) -> dict[str, str]:
    """The variables of the service's behaviour; the same texts for the same settings."""
    return {f"ORDERSERVICE_{one.name.upper()}": _text(getattr(settings, one.name)) for one in fields(settings)}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def fingerprint(state: StackState) -> dict[str, object]:
    """Settings and ports with which a service must have been started to be left alone.

    The port of a database or broker behind the TCP proxy is the proxy's.
    """
    return {
        "settings": asdict(state.settings),
        "database_port": state.port("proxy" if state.proxy == "database" else "database"),
        "kafka_port": state.port("proxy" if state.proxy == "broker" else "broker"),
    }


class Service(ManagedProcess):
    """The order service: one Python process."""

    name: ClassVar[str] = "service"
    title: ClassVar[str] = "the order service"

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """`python -m orderservice` with the recorded settings."""
        state = self._store.load()
        if state is None:
            raise StackError("the order service is in no stack: run 'python -m stack up'")
        # Nothing else of our environment: PGOPTIONS or PYTHONWARNINGS of a user's shell would change the service, and
        # an ORDERSERVICE_ variable would override a default.
        inherited = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        return process.Launch(
            argv=(sys.executable, "-m", "orderservice"),
            cwd=CHECKOUT,
            log_path=self.log_path,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "LC_ALL": "C.UTF-8",
                **inherited,
                **environment(state, port),
                **orphans.tag(self._store.home, self.name),
            },
        )

    def probe(self, timeout_s: float) -> Health:
        return check_http(f"http://{HOST}:{self.port}{HEALTH_PATH}", timeout_s)
