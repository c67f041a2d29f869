"""The HTTP routes of the reference service as a Starlette application.

Errors are JSON in the shape of Spring's (``status``, ``error``, ``message``). No route blocks the event loop. The
health route needs neither database nor broker, so it always answers.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from orderservice.database import Database, read_order
from orderservice.orders import InvalidOrderError, Order, created_event, encode, new_order, parse_request
from orderservice.phantom import provoke
from orderservice.publisher import Publisher, PublishFailedError
from orderservice.variants import Variant

log = logging.getLogger("orderservice.http")

# An event is about as large as its request; a broker takes records of up to 1 MB.
MAX_BODY = 256 * 1024


class OrderRoutes:
    """The routes, bound to variant, database and publisher."""

    def __init__(self, name: str, variant: Variant, database: Database, publisher: Publisher) -> None:
        self._name = name
        self._variant = variant
        self._database = database
        self._publisher = publisher

    async def health(self, _request: Request) -> Response:
        """``GET /actuator/health``: the process answers. A broker that is down does not make the service down."""
        kafka = "UP" if self._publisher.reachability else "DOWN"
        return _json({"status": "UP", "variant": self._name, "details": {"kafka": kafka}})

    async def create(self, request: Request) -> Response:
        """``POST /orders``: 201 with the order id, 400, or 500 with nothing committed."""
        order = await _order_of(request)
        await self._variant.create(order, created_event(order, event_id=uuid4()))
        return _json({"orderId": order.id}, HTTPStatus.CREATED)

    async def read(self, request: Request) -> Response:
        try:
            order_id = UUID(request.path_params["id"])
        except ValueError:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the order id is not a UUID") from None
        async with self._database.connection() as connection:
            order = await read_order(connection, order_id)
        if order is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no order {order_id}")
        return _json(order)

    async def phantom(self, request: Request) -> Response:
        """``POST /chaos/phantom-event``: publish the event of an order, then roll the order back."""
        order = await _order_of(request)
        return _json(await provoke(self._database, self._publisher, order))

    async def backlog(self, _request: Request) -> Response:
        """``GET /outbox/backlog``: how many events wait for the relay; 404 if the variant has no outbox."""
        pending = await self._variant.backlog()
        if pending is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"the variant {self._name} has no outbox")
        return _json({"pending": pending})


def build_app(name: str, variant: Variant, database: Database, publisher: Publisher, *, chaos: bool) -> Starlette:
    """Return the application; with ``chaos`` it has the phantom endpoint."""
    routes = OrderRoutes(name, variant, database, publisher)
    table = [
        Route("/orders", routes.create, methods=["POST"]),
        Route("/orders/{id}", routes.read, methods=["GET"]),
        Route("/actuator/health", routes.health, methods=["GET"]),
        Route("/outbox/backlog", routes.backlog, methods=["GET"]),
    ]
    if chaos:
        table.append(Route("/chaos/phantom-event", routes.phantom, methods=["POST"]))
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: _refused,
        InvalidOrderError: _invalid,
        PoolTimeout: _no_connection,
        psycopg.Error: _database_failed,
        PublishFailedError: _not_published,
        ClientDisconnect: _client_left,
        Exception: _unexpected,
    }
    return Starlette(routes=table, exception_handlers=dict(handlers))


async def _order_of(request: Request) -> Order:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is above {MAX_BODY} bytes")
    return new_order(parse_request(bytes(body)), order_id=uuid4(), now=datetime.now(UTC))


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encode(value), status, media_type="application/json")


def _error(status: HTTPStatus, message: str) -> Response:
    return _json({"status": status.value, "error": status.phrase, "message": message}, status)


async def _refused(_request: Request, error: Exception) -> Response:
    # Starlette passes only what is registered here; the other branch is for the type checker.
    if isinstance(error, HTTPException):
        return _error(HTTPStatus(error.status_code), error.detail)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error")


async def _client_left(_request: Request, _error_: Exception) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, "the client left before its request was complete")


async def _unexpected(_request: Request, _error_: Exception) -> Response:
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error")


async def _invalid(_request: Request, error: Exception) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, str(error))


async def _no_connection(_request: Request, _error_: Exception) -> Response:
    log.error("request failed: no pooled connection became free in time")
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "no database connection became free in time")


async def _not_published(_request: Request, _error_: Exception) -> Response:
    # The variant has logged it, with what became of the order.
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the event was not published")


async def _database_failed(_request: Request, error: Exception) -> Response:
    log.error("request failed: the database refused or was lost (%s)", type(error).__name__)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the database refused or was lost")
