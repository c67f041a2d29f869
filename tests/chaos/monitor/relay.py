"""A service that is healthy, and a relay in front of a component that can be cut off."""

import select
import socket
import threading
import time

from stack.ports import HOST
from tests.http_server import QuietHandler


class Healthy(QuietHandler):
    """A health URL."""

    def do_GET(self) -> None:
        self.say(200, b"{}")


class Relay:
    """A TCP relay that a test can freeze: what is connected stays so, the kernel takes more, nothing gets through."""

    def __init__(self, port: int, to: tuple[str, int] | None = None) -> None:
        self.frozen = threading.Event()
        self.to = to
        self._end = threading.Event()
        self._socket = socket.create_server((HOST, port))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        while not self._end.is_set():
            if self.frozen.is_set() or self.to is None:
                time.sleep(0.01)
                continue
            for ready in select.select([self._socket, *pairs], [], [], 0.05)[0]:
                if ready is self._socket:
                    near, _ = self._socket.accept()
                    try:
                        far = socket.create_connection(self.to, 1)
                    except OSError:
                        near.close()
                        continue
                    pairs |= {near: far, far: near}
                elif ready in pairs:
                    self._pass_on(ready, pairs)
        for one in [self._socket, *pairs]:
            one.close()

    def _pass_on(self, ready: socket.socket, pairs: dict[socket.socket, socket.socket]) -> None:
        other = pairs[ready]
        try:
            data = ready.recv(1 << 16)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for one in (ready, other):
                pairs.pop(one, None)
                one.close()

    def close(self) -> None:
        self._end.set()
        self._thread.join(10)
