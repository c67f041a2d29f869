"""A target that is a container: broken and mended through the Docker Engine that runs it, here or elsewhere.

Selected by compose project and service (`{"project": ..., "service": ...}`) or by name or id (`{"name": ...}`); exactly
one container must match. Which engine is reached: see `stack.engine`.

What each fault is, and what clients see of it:

- `stop`: the container's stop signal, 30 s grace, then SIGKILL. `kill`: SIGKILL at once. Ports are refused afterwards.
  Both by the engine, so no restart policy brings the container back; heal starts the same container again.
- `pause`: every process frozen (cgroup freezer). Published ports still accept connections, and nobody answers.
- `partition`: disconnected from each of its networks, while it runs on. Other containers no longer resolve its name,
  and their open connections fall silent. With Docker its *published ports go away as well*: on the engine's own machine
  open connections through them are closed within milliseconds and new ones refused; from another machine open ones fall
  silent. So a harness that goes through a published port is cut off like everybody else: to it a partition looks like a
  stop, and what the broker appends meanwhile it can only read afterwards. Rootless Podman keeps listening on published
  ports (its PR 11091). Heal connects it again with the same aliases, links and driver options, and the same address if
  that was fixed; the port is back when that returns.

A container is known by its full id, which is unique in the world. One that was made anew has another id: it is found
again by its labels of compose project and service, else by its name, on the engine where the fault was injected.

A host port that the engine has chosen itself may be another one after each of these but a pause: publish fixed ones.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from chaos.faults.targets import FAULTS, TargetError, TargetSpec, Undo
from stack import engine
from stack.errors import StackError

log = logging.getLogger("chaos")

PROTECT_LABEL: Final = "io.locust-chaos.protect"
# Docker's own 10 s would kill a broker that is still flushing: another fault than the one that was asked for.
STOP_GRACE_S: Final = 30
KILLED: Final = 137
# Between two looks at a container that may still be asked to end.
_POLL_S: Final = 0.2
_MOST_NAMED: Final = 10


def open_container_target(spec: TargetSpec) -> "ContainerTarget":
    """Return the target that `spec` (kind `container`) names; the engine has answered, the container is not yet sought.

    Raises:
        TargetError: the spec makes no sense, or no engine answers.
    """
    try:
        return ContainerTarget(spec, engine.connect())
    except StackError as error:
        raise TargetError(str(error)) from None


class ContainerTarget:
    """One container.

    Args:
        spec: kind `container`, with `project` and `service`, or with `name`.
        client: of its engine, a `docker.DockerClient`.

    Raises:
        TargetError: the spec makes no sense.
    """

    def __init__(self, spec: TargetSpec, client: Any) -> None:
        self.spec = spec
        self._client = client
        given = {name: text for name, text in spec.parameters.items() if text}
        self._name = given.get("name", "")
        self._project, self._service = given.get("project", ""), given.get("service", "")
        if set(given) not in ({"name"}, {"project", "service"}):
            raise TargetError(
                "a container target is named by compose project and service, or by name or id; "
                f"given are {', '.join(sorted(given)) or 'none of them'}"
            )
        self._identity = ""
        # Whether a stop can be under way of which this object does not know: a process that was killed asked for it.
        self._stop_unknown = True

    @property
    def component(self) -> str:
        """The component."""
        return self.spec.component

    @property
    def identity(self) -> str:
        """Engine and container: the same for whoever selects the same container, in whatever way.

        Raises:
            TargetError: no single container matches.
        """
        if not self._identity:
            # By name and not by id: one that is re-created is the same thing to break.
            name = self._only().name
            self._identity = f"container {name} on engine {self._engine_id()}"
        return self._identity

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that it can do: a container without a network of its own cannot be cut off."""
        try:
            cut = _networks(self._only())
        except TargetError:
            return FAULTS
        return FAULTS if cut else tuple(fault for fault in FAULTS if fault != "partition")

    def describe(self) -> str:
        """Return component, container and image; never fails."""
        try:
            one = self._only()
        except TargetError:
            return f"{self.component} ({self._wanted()}, not found)"
        return f"{self.component} (container {one.name}, {one.short_id}, of {one.attrs['Config']['Image']})"

    def is_up(self) -> bool:
        """Return whether it runs, is not paused, and is attached to a network; see `Target.is_up`."""
        one = self._only()
        self._refuse_protected(one)
        return one.status == "running" and not engine.is_cut_off(one)

    def prepare(self, fault: str) -> Undo:
        """Return engine, id, name, start time, networks and aliases; see `Target.prepare`."""
        one = self._only()
        self._refuse_protected(one)
        if fault not in FAULTS:
            raise TargetError(f"{self.describe()} cannot do {fault}; it can do {', '.join(self.faults)}")
        if fault in ("stop", "kill") and one.attrs["HostConfig"].get("AutoRemove"):
            raise TargetError(
                f"{self.describe()} is removed as soon as it ends (--rm), so it could not be started again"
            )
        networks = _networks(one)
        if fault == "partition" and not networks:
            raise TargetError(f"{self.describe()} has no network of its own, so it cannot be cut off from one")
        self._stop_unknown = False
        return {
            "engine": self._engine_id(),
            "endpoint": engine.endpoint(self._client),
            "container": one.id,
            "name": one.name,
            "project": str(one.labels.get(engine.PROJECT_LABEL, "")),
            "service": str(one.labels.get(engine.SERVICE_LABEL, "")),
            "started": _started(one),
            "networks": networks,
        }

    def apply(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Do `fault` to the container that `undo` names; see `Target.apply`.

        Stopping takes up to 30 s and the engine's own time, whatever `timeout_s` says: cut short it would be a kill.
        """
        del timeout_s
        one = self._known(undo)
        if one is None:
            raise TargetError(f"container {undo['name']} is gone: it was removed")
        self._refuse_protected(one)
        acts: dict[str, Callable[[], None]] = {
            "stop": lambda: self._stop(one),
            "kill": one.kill,
            "pause": one.pause,
            "partition": lambda: self._cut_off(one, undo),
        }
        if fault not in acts:
            raise TargetError(f"{self.describe()} cannot do {fault}; it can do {', '.join(self.faults)}")
        self._stop_unknown = True
        self._call(f"{fault} of container {one.name}", acts[fault])
        self._stop_unknown = False

    def heal(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Undo `fault` on the container that `undo` names, or on one that took its place; see `Target.heal`."""
        one = self._known(undo)
        if one is None:
            self._refuse_other_engine(undo)
            # Re-created under the same labels: then only a container that does not run is ours to heal.
            one = self._successor(undo)
            fault = "stop" if fault in ("stop", "kill") else ""
        elif fault == "stop" and self._stop_unknown:
            self._await_stop(one, undo, timeout_s)
        if fault in ("stop", "kill") and one.status not in ("running", "restarting", "paused"):
            self._call(f"start of container {one.name}", one.start)
        elif fault == "pause":
            self._resume(one)
        elif fault == "partition":
            self._call(f"container {one.name} cannot be connected again", lambda: self._reconnect(one, undo))

    # -- finding it ------------------------------------------------------------------------------------------------

    def _wanted(self) -> str:
        return f"container {self._name}" if self._name else f"compose project {self._project}, service {self._service}"

    def _matching(self) -> list[Any]:
        if not self._name:
            found: list[Any] = self._call("", lambda: engine.containers_of(self._client, self._project, self._service))
            return found
        try:
            return [self._call("container", lambda: self._client.containers.get(self._name))]
        except _GoneError:
            return []

    def _only(self) -> Any:
        """Return the one container that matches.

        Raises:
            TargetError: none does, or several do; the message names those.
        """
        found = self._matching()
        if len(found) == 1:
            return found[0]
        if found:
            raise TargetError(
                f"{self._wanted()}: {len(found)} containers match ({_named(found)}), and exactly one must"
            )
        running = self._call(
            "the containers cannot be listed", lambda: self._client.containers.list(ignore_removed=True)
        )
        what = f"running are {_named(running)}" if running else "none runs"
        raise TargetError(f"{self._wanted()}: no such container at {engine.address(self._client)}; {what}")

    def _known(self, undo: Undo) -> Any | None:
        """Return the very container that `undo` names, None when it is gone."""
        try:
            return self._call(f"container {undo['name']}", lambda: self._client.containers.get(str(undo["container"])))
        except _GoneError:
            return None

    def _successor(self, undo: Undo) -> Any:
        """Return the container that took the place of the one that `undo` names.

        Raises:
            TargetError: there is none, or there are several.
        """
        project, service = str(undo.get("project") or ""), str(undo.get("service") or "")
        if not (project and service):
            return self._only()
        found: list[Any] = self._call("", lambda: engine.containers_of(self._client, project, service))
        if len(found) == 1:
            return found[0]
        raise TargetError(
            f"container {undo['name']} is gone, and {len(found)} containers carry its labels (compose project "
            f"{project}, service {service}) at {engine.address(self._client)}, where exactly one must"
        )

    def _refuse_protected(self, one: Any) -> None:
        if str(one.labels.get(PROTECT_LABEL, "")).lower() == "true":
            raise TargetError(f"container {one.name} carries the label {PROTECT_LABEL}=true: it is left alone")

    def _engine_id(self) -> str:
        return str(self._call("", lambda: engine.identity(self._client)))

    def _refuse_other_engine(self, undo: Undo) -> None:
        """Raise TargetError when `undo` is of another engine: a container of the same name there is not ours."""
        known, endpoint = str(undo.get("engine") or ""), str(undo.get("endpoint") or "")
        if not self._call("", lambda: engine.is_same(self._client, known, endpoint)):
            raise TargetError(
                f"the fault was injected into container {undo['name']} of the engine at {endpoint or known}, and "
                f"{engine.endpoint(self._client)} is another engine without that container: let DOCKER_HOST name the "
                "engine of the fault"
            )

    # -- acts ------------------------------------------------------------------------------------------------------

    def _stop(self, one: Any) -> None:
        one.stop(timeout=STOP_GRACE_S)
        one.reload()
        code = one.attrs["State"]["ExitCode"]
        note = f": it did not end within {STOP_GRACE_S} s and was killed" if code == KILLED else ""
        log.info("container %s ended with exit code %s%s", one.name, code, note)

    def _await_stop(self, one: Any, undo: Undo, timeout_s: float) -> None:
        """Wait for a stop that a killed process may have asked for: the engine goes on with it, up to its grace.

        Mended before that, the container would end after everybody has seen it serve.
        """
        # No longer than that grace: one that was never asked to stop goes on running.
        deadline = time.monotonic() + min(timeout_s, STOP_GRACE_S)
        while one.status == "running" and _started(one) == undo.get("started") and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            self._call(f"container {one.name}", one.reload)
        self._stop_unknown = False

    def _cut_off(self, one: Any, undo: Undo) -> None:
        for network in undo["networks"]:
            self._client.networks.get(network["id"]).disconnect(one.id)

    def _resume(self, one: Any) -> None:
        if one.status == "paused":
            self._call(f"unpause of container {one.name}", one.unpause)
        elif one.status not in ("running", "restarting"):
            raise TargetError(
                f"container {one.name} was paused by a run and has been ended since ({one.status}): "
                f"start it again with 'docker start {one.name}'"
            )

    def _reconnect(self, one: Any, undo: Undo) -> None:
        attached = {network["id"] for network in _networks(one)}
        for network in undo["networks"]:
            if network["id"] not in attached:
                self._client.networks.get(network["id"]).connect(one.id, **_endpoint(network))

    def _call(self, doing: str, ask: Callable[[], Any]) -> Any:
        """Return what the engine says; whatever goes wrong becomes a TargetError."""
        try:
            with engine.spoken(doing):
                return ask()
        except engine.Gone as error:
            raise _GoneError(str(error)) from None
        except StackError as error:
            raise TargetError(str(error)) from None


def _started(one: Any) -> str:
    """Return when the container was last started, as the engine writes it: another time is another incarnation."""
    return str(one.attrs["State"].get("StartedAt", ""))


class _GoneError(TargetError):
    """The engine says that it is not there."""


def _networks(one: Any) -> list[dict[str, Any]]:
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
    """Return the arguments of the SDK's `connect` for a network as `_networks` has noted it."""
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


def _named(found: list[Any]) -> str:
    names = [str(one.name) for one in found[:_MOST_NAMED]]
    return ", ".join([*names, *(["..."] if len(found) > _MOST_NAMED else [])])
