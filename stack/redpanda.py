"""Redpanda's health by its Admin API, in addition to the probe on Kafka's protocol.

The Admin API answers before the Kafka listener does, and with status 200 in every state: only the bodies show how it
is.
"""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from health.check import Health
from health.request import Endpoint, fetch
from health.wire import NoAnswer

READY_PATH = "/v1/status/ready"
BROKERS_PATH = "/v1/brokers"
OVERVIEW_PATH = "/v1/cluster/health_overview"


class _UnhealthyError(Exception):
    """An answer that is missing, unusable or bad; the text says which."""


def check_redpanda(admin_url: str, timeout_s: float) -> Health:
    """Check by the Admin API that the broker is ready, its brokers are alive and the cluster is healthy.

    admin_url: `http://HOST:PORT` (or https); its path is not used. timeout_s: seconds for all three requests.
    """
    try:
        parts = urlsplit(admin_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        where = f"Redpanda's Admin API at {parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        usable, where = False, ""
    if not usable:
        return Health(False, "the Admin API's URL cannot be read: give http://HOST:PORT")
    deadline = time.monotonic() + timeout_s
    try:
        _check_ready(_ask(admin_url, READY_PATH, deadline))
        alive = _check_brokers(_ask(admin_url, BROKERS_PATH, deadline))
        _check_overview(_ask(admin_url, OVERVIEW_PATH, deadline))
    except _UnhealthyError as trouble:
        return Health(False, f"{where}: {trouble}")
    return Health(True, f"{where}: ready, brokers alive: {alive}, cluster healthy")


def _check_ready(body: Any) -> None:
    status = body.get("status") if isinstance(body, dict) else None
    if status != "ready":
        raise _UnhealthyError(f"{READY_PATH} says {_short(status if status is not None else body)} instead of ready")


def _check_brokers(body: Any) -> int:
    """Return the number of brokers; all must be alive and active members."""
    if not isinstance(body, list) or not body or not all(isinstance(one, dict) for one in body):
        raise _UnhealthyError(f"{BROKERS_PATH} names no broker")
    for one in body:
        name = f"{BROKERS_PATH}: broker {_short(one.get('node_id'))}"
        if one.get("is_alive") is not True:
            raise _UnhealthyError(f"{name} is not alive")
        if one.get("membership_status", "active") != "active":
            raise _UnhealthyError(f"{name} is {_short(one['membership_status'])} instead of active")
    return len(body)


def _check_overview(body: Any) -> None:
    if isinstance(body, dict) and body.get("is_healthy") is True:
        return
    reasons = body.get("unhealthy_reasons") if isinstance(body, dict) else None
    why = ", ".join(map(_short, reasons)) if isinstance(reasons, list) and reasons else "it gives no reason"
    raise _UnhealthyError(f"{OVERVIEW_PATH} says that the cluster is not healthy ({why})")


def _ask(admin_url: str, path: str, deadline: float) -> Any:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _UnhealthyError(f"no time was left for {path}")
    parts = urlsplit(admin_url)
    try:
        answer = fetch(Endpoint(f"{parts.scheme}://{parts.netloc}{path}"), left)
    except NoAnswer as failed:
        raise _UnhealthyError(f"{path}: {failed.reply.detail}") from None
    if answer.status != http.client.OK:
        raise _UnhealthyError(f"{path}: status {answer.status}")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise _UnhealthyError(f"{path}: the answer is not JSON") from None


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:60] + "..."
