"""Start, run and stop of the service process: it waits for the database, serves, and ends within seconds of SIGTERM.

Order of the stop: no new requests, two seconds for running ones, the relay, two seconds to flush events, the pool.
"""

import asyncio
import errno
import logging
import signal
import socket

import uvicorn

from orderservice.app import build_app
from orderservice.database import Database
from orderservice.kafka_client import client_config
from orderservice.publisher import Publisher
from orderservice.settings import Settings
from orderservice.variants import VARIANTS, Behaviour, Parts, Variant

log = logging.getLogger("orderservice")

_REQUEST_GRACE = 2
_FLUSH = 2.0
_BACKLOG = 2048


class PortUnavailableError(RuntimeError):
    """The port cannot be listened on; the text names it and the remedy."""


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to the port that does not listen yet: until then clients are refused and do not hang.

    Raises:
        PortUnavailableError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as refused:
        made.close()
        raise _unavailable(host, port, refused) from None
    return made


def _listen(port: socket.socket, settings: Settings) -> None:
    try:
        port.listen(_BACKLOG)
    except OSError as refused:
        raise _unavailable(settings.host, settings.port, refused) from None


def _unavailable(host: str, port: int, refused: OSError) -> PortUnavailableError:
    if refused.errno == errno.EADDRINUSE:
        return PortUnavailableError(
            f"port {port} on {host} is taken by another process: stop that process, "
            "or choose another port with ORDERSERVICE_PORT."
        )
    return PortUnavailableError(
        f"cannot listen on {host}:{port} ({refused.strerror or 'unknown address'}): "
        "correct ORDERSERVICE_HOST or ORDERSERVICE_PORT."
    )


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises:
        PortUnavailableError, DatabaseUnavailableError, ClientConfigError: it could not start.
    """
    config = client_config(
        settings.kafka_bootstrap,
        settings.kafka_config,
        delivery_timeout=settings.delivery_timeout,
        request_timeout=settings.request_timeout,
    )
    database = Database(settings.database_url, pool_size=settings.pool_size, pool_wait=settings.pool_wait)
    kind = VARIANTS[settings.variant]
    with bound_socket(settings.host, settings.port) as port:
        publisher = Publisher(
            config,
            topic=settings.topic,
            block_time=settings.block_time,
            request_timeout=settings.request_timeout,
        )
        try:
            if await _unless_stopped(database, kind, settings):
                variant = kind(Parts(database, publisher, Behaviour(settings.confirm_wait, settings.publish_failure)))
                await _answer_requests(settings, variant, port)
        finally:
            await publisher.close(_FLUSH)
            await database.close()
    log.info("stopped")


async def _unless_stopped(database: Database, kind: type[Variant], settings: Settings) -> bool:
    """Open the database; False if a signal came first."""
    opening = asyncio.create_task(database.open(kind.tables, settings.database_wait))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # While the server runs it handles the signals itself, and afterwards passes them to this handler.
        loop.add_signal_handler(number, opening.cancel)
    try:
        await opening
    except asyncio.CancelledError:
        return False
    return True


async def _answer_requests(settings: Settings, variant: Variant, port: socket.socket) -> None:
    app = build_app(settings.variant, variant, variant.database, variant.publisher, chaos=settings.chaos)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_REQUEST_GRACE,
        )
    )
    async with variant.background():
        _listen(port, settings)
        log.info(
            "variant %s listens on http://%s:%d, database %s, Kafka %s, topic %s",
            settings.variant,
            settings.host,
            settings.port,
            variant.database.address,
            settings.kafka_bootstrap,
            settings.topic,
        )
        await server.serve(sockets=[port])
