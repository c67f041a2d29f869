"""Clients of broker, database and service, each on one connection: answered, hanging, ended, or refused at once."""

import select
import socket
import struct
import time
from collections.abc import Callable

import psycopg
from psycopg import pq

from stack.state_file import StackState

ANSWERED, HANGS, ENDED, REFUSED = "answered", "hangs", "ended", "refused"
# How long an answer may take on a loaded machine, and how long nothing must come where nothing can.
PATIENCE_S = 5.0
SILENCE_S = 0.5
_QUIET_S = 0.05


class RawClient:
    """Sends one fixed request, over and over; raises ConnectionRefusedError if the connection is refused."""

    def __init__(self, address: str, request: bytes) -> None:
        host, _, port = address.partition(":")
        self._request = request
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)

    def send(self) -> None:
        self._socket.sendall(self._request)

    def outcome(self, patience_s: float = PATIENCE_S) -> str:
        self._socket.settimeout(patience_s)
        try:
            if not self._socket.recv(65_536):
                return ENDED
        except TimeoutError:
            return HANGS
        except ConnectionResetError:
            return ENDED
        # The rest of the same answer, which may come in pieces.
        while select.select([self._socket], [], [], _QUIET_S)[0] and self._socket.recv(65_536):
            pass
        return ANSWERED

    def close(self) -> None:
        self._socket.close()


class SqlClient:
    """A session of PostgreSQL that asks `SELECT 1` without ever blocking."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)

    def send(self) -> None:
        self._connection.pgconn.send_query(b"SELECT 1")

    def outcome(self, patience_s: float = PATIENCE_S) -> str:
        session = self._connection.pgconn
        deadline = time.monotonic() + patience_s
        try:
            while session.is_busy():
                if not select.select([session.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    return HANGS
                session.consume_input()
            statuses = []
            while (result := session.get_result()) is not None:
                statuses.append(result.status)
        except psycopg.OperationalError:
            return ENDED
        return ANSWERED if statuses == [pq.ExecStatus.TUPLES_OK] else ENDED

    def close(self) -> None:
        self._connection.close()


Client = RawClient | SqlClient
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_SSL_REQUEST = struct.pack(">ii", 8, 80877103)
_GET_HEALTH = b"GET /actuator/health HTTP/1.1\r\nHost: x\r\n\r\n"


def request_of(component: str) -> bytes:
    """A first request that a healthy component answers at once."""
    return {"broker": _API_VERSIONS, "database": _SSL_REQUEST, "service": _GET_HEALTH}[component]


def open_client(state: StackState, component: str, *, through_proxy: bool) -> Client:
    """A client with a connection that can be kept, through the proxy or past it."""
    if component == "database":
        return SqlClient(state.service_database_url if through_proxy else state.database_url)
    return RawClient(address_of(state, component, through_proxy=through_proxy), request_of(component))


def address_of(state: StackState, component: str, *, through_proxy: bool) -> str:
    """`host:port`, through the proxy or past it."""
    return state.proxied_address(component) if through_proxy else f"{state.host}:{state.port(component)}"


def ask(client: Client, patience_s: float = PATIENCE_S) -> str:
    """Ask on a connection that is there."""
    try:
        client.send()
    except (BrokenPipeError, ConnectionResetError, psycopg.OperationalError):
        return ENDED
    return client.outcome(patience_s)


def ask_on_new_connection(address: str, component: str, patience_s: float = PATIENCE_S) -> str:
    """Ask on a new connection."""
    try:
        client = RawClient(address, request_of(component))
    except ConnectionRefusedError:
        return REFUSED
    except ConnectionResetError:  # a reset that arrives before `connect` returns
        return ENDED
    try:
        return ask(client, patience_s)
    finally:
        client.close()


def until(wanted: str, question: Callable[[], str], within_s: float = 30.0) -> None:
    """Ask until the outcome is as wanted."""
    deadline = time.monotonic() + within_s
    while (seen := question()) != wanted:
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {wanted}, last seen: {seen}"
        time.sleep(0.05)
