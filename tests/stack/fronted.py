"""A TCP proxy process of its own, managed as that of a stack, in front of any port."""

from __future__ import annotations

import socket
from pathlib import Path

from stack import ports
from stack.proxy import Proxy, proxy_extra
from stack.proxy_mode import PLAIN
from stack.settings import ServiceSettings
from stack.state_store import StateStore
from tests.stack.tcp_peers import dial


class Fronted:
    """The proxy in front of `target_port`, with its files in `home`."""

    def __init__(self, home: Path, target_port: int) -> None:
        store = StateStore(home)
        store.make()
        store.begin("test", ServiceSettings())
        self.proxy = Proxy(store)
        self.proxy.start_on(ports.choose(), proxy_extra("service", target_port))
        assert self.proxy.mode() == PLAIN  # it listens

    def dial(self) -> socket.socket:
        return dial(self.proxy.port)
