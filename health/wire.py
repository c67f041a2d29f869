"""A TCP connection, with TLS or without, on which a whole question is bounded in time: also against a server that is
frozen, whose kernel still accepts, and against one that answers a byte at a time.

How a question failed is distinguished here for all protocols: `refused`, `hanging` or `broken` (see `health.replies`).
Looking up a name is left to the system's resolver, which has bounds of its own.
"""

import socket
import ssl
import time

from health.replies import BROKEN, HANGING, REFUSED, Reply


class NoAnswer(Exception):
    """The target did not answer; the argument says how."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.how, reply.detail)
        self.reply = reply


class Wire:
    """An open connection whose every step ends by a deadline.

    Args:
        deadline: by `time.monotonic()`, for opening it; TLS's handshake included.
        tls: how, None for a plain connection.

    Raises:
        NoAnswer: it cannot be opened in time.
    """

    def __init__(self, host: str, port: int, deadline: float, tls: ssl.SSLContext | None = None) -> None:
        self.deadline = deadline
        try:
            plain = _connect(host, port, deadline)
        except OSError as error:
            raise NoAnswer(why_unopened(error)) from None
        self._socket = plain
        if tls is None:
            return
        try:
            plain.settimeout(self._left())
            self._socket = tls.wrap_socket(plain, server_hostname=host)
        except OSError as error:
            plain.close()
            raise NoAnswer(why_unanswered(error)) from None

    def send(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            NoAnswer: it could not be sent in time.
        """
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(data)
        except OSError as error:
            raise NoAnswer(why_unanswered(error)) from None

    def receive(self, most: int) -> bytes:
        """Return up to `most` bytes, none when the other side has ended.

        Raises:
            NoAnswer: nothing came in time, or the connection broke.
        """
        try:
            self._socket.settimeout(self._left())
            return self._socket.recv(most)
        except OSError as error:
            raise NoAnswer(why_unanswered(error)) from None

    def receive_exactly(self, count: int) -> bytes:
        """Return `count` bytes.

        Raises:
            NoAnswer: they did not come in time, or the other side ended before.
        """
        found = b""
        while len(found) < count:
            block = self.receive(count - len(found))
            if not block:
                raise NoAnswer(Reply(BROKEN, "the connection was closed"))
            found += block
        return found

    def close(self) -> None:
        self._socket.close()

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def why_unopened(error: OSError) -> Reply:
    """Return what became of a connection that could not be opened."""
    if isinstance(error, TimeoutError):
        return Reply(HANGING, "no connection in time")
    if isinstance(error, socket.gaierror):
        return Reply(REFUSED, "the host name cannot be resolved")
    return Reply(REFUSED, _words(error))


def why_unanswered(error: OSError) -> Reply:
    """Return what became of a connection that was open and returned no answer."""
    if isinstance(error, TimeoutError):
        return Reply(HANGING, "no answer in time")
    return Reply(BROKEN, _words(error))


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"
    return (error.strerror or type(error).__name__).lower()


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    """Return a connection to the first address of `host` that takes one."""
    trouble: OSError = TimeoutError()
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        left = (deadline - time.monotonic()) / (len(addresses) - place)
        if left <= 0:
            break
        one = socket.socket(family, kind, protocol)
        one.settimeout(left)
        try:
            one.connect(address)
        except OSError as error:
            one.close()
            trouble = error
        else:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return one
    raise trouble
