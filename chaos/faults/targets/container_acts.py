"""What faults do to a container of the Docker SDK, and how that is undone. Errors of the SDK go through."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from chaos.faults.fault import Hit
from chaos.faults.targets import TargetError

log = logging.getLogger("chaos")

# Docker's own 10 s would kill a broker that is still flushing: another fault than the one that was asked for.
STOP_GRACE_S: Final = 30
KILLED: Final = 137
_POLL_S: Final = 0.2


def stop(hit: Hit[Any]) -> None:
    """Send the stop signal and wait. Up to 30 s, whatever the limit of the act: cut short it would be a kill."""
    one = hit.thing
    one.stop(timeout=STOP_GRACE_S)
    one.reload()
    code = one.attrs["State"]["ExitCode"]
    note = f": it did not end within {STOP_GRACE_S} s and was killed" if code == KILLED else ""
    log.info("container %s ended with exit code %s%s", one.name, code, note)


def await_stop(hit: Hit[Any]) -> None:
    """Wait for a stop that a killed process may have asked for: the engine goes on with it, up to its grace.

    Healed before that, the container would end after every probe has seen it serve.
    """
    one = hit.thing
    # No longer than that grace: one that was never asked to stop goes on running.
    deadline = time.monotonic() + min(hit.timeout_s, STOP_GRACE_S)
    while one.status == "running" and started(one) == hit.undo.get("started") and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        one.reload()


def start(hit: Hit[Any]) -> None:
    """Start a container that has ended."""
    if hit.thing.status not in ("running", "restarting", "paused"):
        hit.thing.start()


def resume(hit: Hit[Any]) -> None:
    """Wake a paused container.

    Raises:
        TargetError: it has ended since.
    """
    one = hit.thing
    if one.status == "paused":
        one.unpause()
    elif one.status not in ("running", "restarting"):
        raise TargetError(
            f"container {one.name} was paused by a run and has been ended since ({one.status}): "
            f"start it again with 'docker start {one.name}'"
        )


def disconnect(hit: Hit[Any]) -> None:
    """Disconnect it from each of its networks."""
    for network in hit.undo["networks"]:
        hit.thing.client.networks.get(network["id"]).disconnect(hit.thing.id)


def reconnect(hit: Hit[Any]) -> None:
    """Connect it again to those that it was disconnected from, as it was."""
    attached = {network["id"] for network in networks(hit.thing)}
    for network in hit.undo["networks"]:
        if network["id"] not in attached:
            hit.thing.client.networks.get(network["id"]).connect(hit.thing.id, **_endpoint(network))


def started(one: Any) -> str:
    """Return when the container was last started, as the engine writes it: another time is another incarnation."""
    return str(one.attrs["State"].get("StartedAt", ""))


def networks(one: Any) -> list[dict[str, Any]]:
    """Return what connecting a container again needs, one JSON object for each network that it is attached to."""
    mode = str(one.attrs.get("HostConfig", {}).get("NetworkMode", ""))
    if mode in ("host", "none") or mode.startswith("container:"):
        return []
    found: Mapping[str, Mapping[str, Any]] = one.attrs["NetworkSettings"]["Networks"] or {}
    # The engine adds the short id as an alias by itself.
    return [
        {
            "id": endpoint["NetworkID"],
            "name": name,
            "aliases": [alias for alias in endpoint.get("Aliases") or [] if alias != one.id[:12]],
            "fixed": {key: value for key, value in (endpoint.get("IPAMConfig") or {}).items() if value},
            "links": list(endpoint.get("Links") or []),
            "driver_opts": dict(endpoint.get("DriverOpts") or {}),
        }
        for name, endpoint in sorted(found.items())
        # A container that does not run keeps its networks by name, some engines without their id.
        if endpoint.get("NetworkID")
    ]


def _endpoint(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the SDK's `connect` for a network as `networks` has noted it."""
    fixed = network["fixed"]
    wanted: dict[str, Any] = {
        "aliases": network["aliases"],
        "ipv4_address": fixed.get("IPv4Address"),
        "ipv6_address": fixed.get("IPv6Address"),
        "link_local_ips": fixed.get("LinkLocalIPs"),
        "links": [tuple(link.split(":", 1)) for link in network["links"]],
        "driver_opt": network["driver_opts"],
    }
    return {name: value for name, value in wanted.items() if value}
