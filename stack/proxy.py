"""The link: a small relay in one component's way, so that this way alone can be cut while everybody else gets through.

A partition is the link paused: connections through it stay open and carry nothing, as in a network that drops packets.
It stands only while it is asked for (`StackSettings.link`): from the order service to the broker or to the database, or
from the clients to the order service. Whoever goes direct (the harness, the lookout, the reconciler) notices nothing.
"""

from __future__ import annotations

import os
import sys
from typing import ClassVar

from files.paths import CHECKOUT
from health.check import Health, check_http, check_kafka, check_sql
from stack import orphans, process
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.ports import HOST
from stack.service import HEALTH_PATH


def link_extra(component: str, target_port: int) -> dict[str, object]:
    """What the link's record keeps: whose way it is, and the port on 127.0.0.1 that it leads to."""
    return {"component": component, "target_port": target_port}


class Link(ManagedProcess):
    """The relay (`stack.tcp_proxy`)."""

    name: ClassVar[str] = "link"
    title: ClassVar[str] = "the link"

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """`python -m stack.tcp_proxy` from `port` to the recorded target."""
        target = extra.get("target_port")
        if not isinstance(target, int):
            raise StackError("the recorded target of the link is not a port: run 'python -m stack clean'")
        return process.Launch(
            argv=(sys.executable, "-m", "stack.tcp_proxy", str(port), str(target)),
            cwd=CHECKOUT,
            log_path=self.log_path,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **orphans.mark(self._store.home, self.name)},
        )

    def probe(self, timeout_s: float) -> Health:
        """Ask the component at the other end, through the link: it is well when that answers."""
        state = self._store.load()
        if state is None or not state.link:
            return Health(False, "there is no link")
        if not process.accepts(HOST, self.port, timeout_s):
            return Health(False, f"the link to the {state.link} at {HOST}:{self.port}: connection refused")
        if state.link == "broker":
            found = check_kafka(state.service_kafka_bootstrap, {}, timeout_s)
        elif state.link == "database":
            found = check_sql(state.service_database_url, timeout_s)
        else:
            found = check_http(f"{state.service_url}{HEALTH_PATH}", timeout_s)
        return Health(found.ok, f"to the {state.link}: {found.detail}")
