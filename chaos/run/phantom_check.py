"""Checks that the orders which the service was asked to roll back after their publish have left no row.

The id must be in neither `orders` nor `order_items`, `GET` must answer 404, no row of the run may exist, and the
service must still be healthy. The reconciler counts their events; the drain's canary order proves that normal orders
are complete afterwards.
"""

import uuid
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from gevent.pool import Pool

from chaos.sut.health_checks import HEALTH_S, service_probe
from chaos.sut.service_http import connect
from chaos.sut.sut import SystemUnderTest
from contract.run_key import RunKey
from health.check import check
from stores.orders_table import OrdersTable
from stores.postgres import DatabaseProblem

MOST_ASKED: Final = 10_000
SENDERS: Final = 10
QUESTION_S: Final = 5.0
ITEMS: Final = "order_items"


def check_phantoms(sut: SystemUnderTest, run_key: RunKey, provoked: list[uuid.UUID]) -> dict[str, object]:
    """Return the detail of the mark `phantoms_checked`.

    Args:
        provoked: ids of the orders that the service says it rolled back.

    Returns:
        `asked`: number of ids requested by `GET` (the first MOST_ASKED); `get_404`: how many of them were not found;
        `in_orders`, `in_order_items`: how many of all ids have a row there; `rows_of_run`: rows of the run, whatever
        their ids; `health_up`; `problem`: why a question failed, else None (its answer is then None too).
    """
    asked = provoked[:MOST_ASKED]
    get_404, problem = _ask_all(sut, asked)
    detail: dict[str, object] = {"asked": len(asked), "get_404": get_404}
    table = OrdersTable(sut.database_url, sut.contract)
    questions: dict[str, Callable[[], int | None]] = {
        "in_orders": lambda: table.count_ids(sut.contract.table.name, sut.contract.table.id_column, provoked),
        "in_order_items": lambda: table.count_ids(_beside(sut.contract.table.name), "order_id", provoked),
        "rows_of_run": lambda: table.count_run(run_key),
    }
    try:
        for name, question in questions.items():
            try:
                detail[name] = question()
            except DatabaseProblem as error:
                detail[name], problem = None, problem or f"{name}: {error}"
    finally:
        table.close()
    return {**detail, "health_up": _is_healthy(sut), "problem": problem}


def _is_healthy(sut: SystemUnderTest) -> bool | None:
    service = service_probe(sut)
    return None if service is None else check(service, HEALTH_S).ok


def _beside(table: str) -> str:
    schema, dot, _ = table.rpartition(".")
    return f"{schema}{dot}{ITEMS}"


def _ask_all(sut: SystemUnderTest, ids: list[uuid.UUID]) -> tuple[int, str | None]:
    """Request every order; return the number of 404 answers, and the first error."""
    waiting, counted = iter(ids), {"404": 0}
    troubles: list[str] = []

    def ask_some() -> None:
        place = urlsplit(sut.service_url)
        connection = connect(sut, QUESTION_S)
        try:
            for order_id in waiting:
                status = _status(connection, f"{place.path}/orders/{order_id}", dict(sut.headers))
                counted["404"] += status == 404
        except (OSError, HTTPException) as error:
            troubles.append(f"GET /orders was not answered ({type(error).__name__})")
        finally:
            connection.close()

    pool: Any = Pool(SENDERS)
    for _ in range(min(SENDERS, len(ids))):
        pool.spawn(ask_some)
    pool.join()
    return counted["404"], troubles[0] if troubles else None


def _status(connection: HTTPConnection, path: str, headers: dict[str, str]) -> int:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
