"""The status that `python -m stack status` prints: a document without secrets, as JSON or as lines of text."""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.ports import HOST
from stack.state_file import DATABASE_ACCOUNT, DATABASE_NAME


def as_document(stack: EmbeddedStack) -> dict[str, Any]:
    """Probe every component and return the document; what is unknown is None.

    `up`: all that were asked for run and are healthy; `with_service`: whether the order service is among them. `proxy`:
    the component behind the TCP proxy; if that is the service, `service_url` is the proxy's. `components`: for each
    recorded one `up` (its process runs), `healthy`, `detail`, `pid`, `port`, `log`, and for the proxy `mode` (None if
    it does not answer). `unrecorded`: `component` and `pid` of each orphan, which an interrupted start leaves (or a
    process that is starting now).
    """
    state = stack.status()
    health = stack.health() if state else {}
    components: dict[str, Any] = {}
    for component in stack.components:
        record = component.record
        if record is not None and state is not None:
            found = health[component.name]
            components[component.name] = {
                "up": component.is_alive(),
                "healthy": found.ok,
                "detail": found.detail,
                "pid": record.pid,
                "port": record.port,
                "log": record.log_path,
            }
    if "proxy" in components:
        components["proxy"]["mode"] = _proxy_mode(stack)
    service_url = state.service_url if state and state.port("service") else None
    direct_url = state.direct_service_url if state and state.port("service") else None
    broker_port = state.port("broker") if state else None
    with_service = state is not None and state.with_service
    wanted = {each.name for each in stack.components if with_service or each.name != "service"}
    return {
        "up": wanted <= components.keys() and all(entry["healthy"] for entry in components.values()),
        "with_service": with_service if state else None,
        "home": str(stack.home),
        "owner": state.owner if state else None,
        "host": HOST,
        "ports": {component.name: state.port(component.name) if state else None for component in stack.components},
        "database": DATABASE_NAME,
        "user": DATABASE_ACCOUNT,
        "topic": state.topic if state else None,
        "variant": state.variant if state else None,
        "kafka_bootstrap": f"{HOST}:{broker_port}" if broker_port else None,
        "service_url": service_url,
        "direct_service_url": direct_url,
        "proxy": state.proxy or None if state else None,
        "components": components,
        "unrecorded": [asdict(orphan) for orphan in stack.orphans()],
    }


def _proxy_mode(stack: EmbeddedStack) -> str | None:
    with suppress(StackError):
        return str(stack.proxy.mode(timeout_s=1.0))
    return None


def as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


def as_text(document: dict[str, Any]) -> str:
    unrecorded = [
        f"  {entry['component']:<9} pid {entry['pid']} runs but is not recorded (python -m stack down ends it)"
        for entry in document["unrecorded"]
    ]
    if not document["components"]:
        return "\n".join(["down: nothing is recorded (python -m stack up starts the stack)", *unrecorded])
    lines = [f"{'up' if document['up'] else 'not fully up'}: {document['home']}, started by {document['owner']}"]
    for name, entry in document["components"].items():
        word = "healthy" if entry["healthy"] else "unhealthy" if entry["up"] else "down"
        mode = entry.get("mode") or "plain"
        degraded = "" if mode == "plain" else f"; degraded by {mode} (python -m stack up makes it plain)"
        lines.append(f"  {name:<9} {word:<9} pid {entry['pid']:<8} {entry['detail']}{degraded}")
    for name in document["ports"]:
        if name not in document["components"]:
            left_out = name == "service" and not document["with_service"]
            lines.append(f"  {name:<9} {'left out' if left_out else 'never started'} (python -m stack up starts it)")
    lines += unrecorded
    lines.append(f"  database {document['database']}, user {document['user']}, topic {document['topic']}")
    return "\n".join(lines)
