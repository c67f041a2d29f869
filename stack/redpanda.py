"""Redpanda's own word on its health: three questions to its Admin API, beside those that Kafka's protocol answers.

The Admin API answers before the Kafka listener does, and answers 200 in every state: only the bodies say how it is.
"""

from __future__ import annotations

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


class _NotWellError(Exception):
    """An answer that is missing, unusable or bad; the text says which."""


def check_redpanda(admin_url: str, timeout_s: float) -> Health:
    """Ask the Admin API whether the broker is ready, its brokers are alive and the cluster is healthy.

    admin_url: `http://HOST:PORT` (or https); its path is not used. timeout_s: seconds for all three questions.
    """
    try:
        parts = urlsplit(admin_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        where = f"Redpanda's Admin API at {parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        usable, where = False, ""
    if not usable:
        return Health(False, "the Admin API's URL is not one: give http://HOST:PORT")
    deadline = time.monotonic() + timeout_s
    try:
        _check_ready(_ask(admin_url, READY_PATH, deadline))
        alive = _check_brokers(_ask(admin_url, BROKERS_PATH, deadline))
        _check_overview(_ask(admin_url, OVERVIEW_PATH, deadline))
    except _NotWellError as trouble:
        return Health(False, f"{where}: {trouble}")
    return Health(True, f"{where}: ready, brokers alive: {alive}, cluster healthy")


def _check_ready(said: Any) -> None:
    status = said.get("status") if isinstance(said, dict) else None
    if status != "ready":
        raise _NotWellError(f"{READY_PATH} says {_short(status if status is not None else said)} instead of ready")


def _check_brokers(said: Any) -> int:
    """Return how many there are; all must be alive and members."""
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        raise _NotWellError(f"{BROKERS_PATH} names no broker")
    for one in said:
        name = f"{BROKERS_PATH}: broker {_short(one.get('node_id'))}"
        if one.get("is_alive") is not True:
            raise _NotWellError(f"{name} is not alive")
        if one.get("membership_status", "active") != "active":
            raise _NotWellError(f"{name} is {_short(one['membership_status'])} instead of active")
    return len(said)


def _check_overview(said: Any) -> None:
    if isinstance(said, dict) and said.get("is_healthy") is True:
        return
    reasons = said.get("unhealthy_reasons") if isinstance(said, dict) else None
    why = ", ".join(map(_short, reasons)) if isinstance(reasons, list) and reasons else "it does not say why"
    raise _NotWellError(f"{OVERVIEW_PATH} says that the cluster is not healthy ({why})")


def _ask(admin_url: str, path: str, deadline: float) -> Any:
    """GET `path` and return its JSON value."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise _NotWellError(f"no time was left for {path}")
    parts = urlsplit(admin_url)
    try:
        answer = fetch(Endpoint(f"{parts.scheme}://{parts.netloc}{path}"), left)
    except NoAnswer as failed:
        raise _NotWellError(f"{path}: {failed.reply.detail}") from None
    if answer.status != http.client.OK:
        raise _NotWellError(f"{path}: status {answer.status}")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise _NotWellError(f"{path}: the answer is not JSON") from None


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:60] + "..."
