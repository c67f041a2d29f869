"""The TCP proxy in front of one component, so that connections to this component alone can be cut or degraded.

It runs only while it is asked for (`StackSettings.proxy`): between the order service and the broker or the database, or
between the clients and the order service. All others (harness, monitor, reconciler) connect directly, unless they ask
for `StackState.proxied_address`.

    stack.proxy.apply(ProxyMode(latency_s=0.3, jitter_s=0.05))  # StackError unless the proxy confirms it within 5 s
    stack.proxy.apply(ProxyMode(reset_share=0.5, seed=7))
    stack.proxy.apply(PLAIN)
    stack.proxy.mode()  # the mode that it applies now; StackError if it does not answer (paused, ended)
    stack.proxy.pause(), stack.proxy.resume()  # a partition: connections stay open and carry nothing

Any process that knows the stack's home can do so: a mode is set and read at a Unix socket in the home, which needs no
room on the disk. A mode lasts until the next one or the proxy's end: a proxy that is started again is plain.
"""

import os
import socket
import sys
import time
from typing import ClassVar

from files.paths import CHECKOUT
from health.check import Health, check_http, check_kafka, check_sql
from stack import orphans, process
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.ports import HOST
from stack.proxy_mode import PLAIN, ProxyMode, control_address
from stack.service import HEALTH_PATH

CONTROL_WAIT_S = 5.0


def proxy_extra(component: str, target_port: int) -> dict[str, object]:
    """What the proxy's record keeps: the component that it leads to, and that component's port on 127.0.0.1."""
    return {"component": component, "target_port": target_port}


class Proxy(ManagedProcess):
    """The process of `stack.tcp_proxy`."""

    name: ClassVar[str] = "proxy"
    title: ClassVar[str] = "the TCP proxy"

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """`python -m stack.tcp_proxy` from `port` to the recorded target."""
        target = extra.get("target_port")
        if not isinstance(target, int):
            raise StackError("the recorded target of the TCP proxy is not a port: run 'python -m stack clean'")
        return process.Launch(
            argv=(sys.executable, "-m", "stack.tcp_proxy", str(port), str(target), str(self._store.proxy_socket)),
            cwd=CHECKOUT,
            log_path=self.log_path,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **orphans.tag(self._store.home, self.name)},
        )

    def probe(self, timeout_s: float) -> Health:
        """Probe the component behind the proxy, through the proxy."""
        state = self._store.load()
        if state is None or not state.proxy:
            return Health(False, "there is no TCP proxy")
        if not process.accepts(HOST, self.port, timeout_s):
            return Health(False, f"the TCP proxy to the {state.proxy} at {HOST}:{self.port}: connection refused")
        if state.proxy == "broker":
            found = check_kafka(state.service_kafka_bootstrap, {}, timeout_s)
        elif state.proxy == "database":
            found = check_sql(state.service_database_url, timeout_s)
        else:
            found = check_http(f"{state.service_url}{HEALTH_PATH}", timeout_s)
        return Health(found.ok, f"to the {state.proxy}: {found.detail}")

    def recover(self) -> None:
        """Wake the proxy if it is paused, and set it back to plain."""
        super().recover()
        self.apply(PLAIN)

    def apply(self, mode: ProxyMode, timeout_s: float = CONTROL_WAIT_S) -> None:
        """Set the mode; returns once the proxy has confirmed that it applies it.

        Raises StackError if that has not happened after `timeout_s` seconds. A proxy that was paused all the time does
        not apply the mode later either.
        """
        applied = self._ask(mode, timeout_s)
        if applied != mode:
            raise StackError(f"{self.title} applies '{applied}' and not '{mode}': another process has set it")

    def mode(self, timeout_s: float = CONTROL_WAIT_S) -> ProxyMode:
        """The mode that the proxy applies now; raises StackError if it does not answer within `timeout_s` seconds."""
        return self._ask(None, timeout_s)

    def _ask(self, wanted: ProxyMode | None, timeout_s: float) -> ProxyMode:
        """The applied mode, after `wanted` was set if that is given."""
        purpose = f"apply the mode '{wanted}'" if wanted else "report its mode"
        who = f"{self.title} (process {self.pid})"
        if not self.is_alive():
            raise StackError(f"{who} is not running, so it cannot {purpose}: run 'python -m stack up'")
        deadline = time.monotonic() + timeout_s
        try:
            return self._exchange(wanted, deadline)
        except TimeoutError:
            paused = ": it is paused" if self.is_paused() else ""
            raise StackError(f"{who} did not {purpose} within {timeout_s:g} s{paused}") from None
        except (OSError, ValueError) as error:
            raise StackError(f"{who} did not {purpose} ({error}): run 'python -m stack up'") from None

    def _exchange(self, wanted: ProxyMode | None, deadline: float) -> ProxyMode:
        """The applied mode, after `wanted` was set if that is given. Raises TimeoutError, OSError, ValueError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            self._connect(control, deadline)
            mode = _read_mode(control, deadline)
            # Sent only after the first line: a paused proxy would read the request when it is woken, and apply it then.
            if wanted is not None:
                control.sendall(wanted.as_line())
                mode = _read_mode(control, deadline)
            return mode

    def _connect(self, control: socket.socket, deadline: float) -> None:
        """Connect to the control socket, which a proxy that is just starting makes a moment after its start."""
        while True:
            control.settimeout(max(process.POLL_S, deadline - time.monotonic()))
            try:
                with control_address(self._store.proxy_socket) as address:
                    return control.connect(address)
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.is_alive() or time.monotonic() >= deadline:
                    raise
                time.sleep(process.POLL_S)


def _read_mode(control: socket.socket, deadline: float) -> ProxyMode:
    """The mode in the next line. Raises TimeoutError, OSError, and ValueError for half a line."""
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        control.settimeout(left)
        received = control.recv(4096)
        if not received:
            raise ValueError("it closed the control connection")
        line += received
    return ProxyMode.from_line(line)
