"""A target that is a container: broken and healed through the Docker Engine that runs it, here or elsewhere.

Selected by compose project and service (`{"project": ..., "service": ...}`) or by name or id (`{"name": ...}`); exactly
one container must match. Which engine is reached: see `stack.engine`.

What each fault is, and what clients see of it:

- `stop`: the container's stop signal, 30 s grace, then SIGKILL. `kill`: SIGKILL at once. Ports are refused afterwards.
  Both by the engine, so no restart policy starts the container again; heal starts the same container again.
- `pause`: every process frozen (cgroup freezer). Published ports still accept connections, and nothing answers.
- `partition`: disconnected from each of its networks, while it runs on. Other containers no longer resolve its name,
  and their open connections fall silent. With Docker its *published ports go away as well*: on the engine's own machine
  open connections through them are closed within milliseconds and new ones refused; from another machine open ones fall
  silent. So a harness that goes through a published port is cut off as well: to it a partition looks like a
  stop, and what the broker appends meanwhile it can only read afterwards. Rootless Podman keeps listening on published
  ports (its PR 11091). Heal connects it again with the same aliases, links and driver options, and the same address if
  that was fixed; the port is back when that returns.

A container is known by its full id, which is unique in the world. One that was created again has another id: it is
found by its labels of compose project and service, else by its name, on the engine where the fault was injected.

A host port that the engine has chosen itself may be another one after each of these but a pause: publish fixed ones.
"""

from collections.abc import Callable
from typing import Any, Final

from chaos.faults.fault import Act, Fault, Hit, Need, Undo
from chaos.faults.registry import CONTAINER_FAULTS
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.container_acts import networks, start, started
from stack import engine
from stack.errors import StackError

PROTECT_LABEL: Final = "io.locust-chaos.protect"
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
        # Whether an act can be under way of which this object does not know: a process that was killed began it.
        self._act_unknown = True

    @property
    def component(self) -> str:
        return self.spec.component

    @property
    def identity(self) -> str:
        """Engine and container: the same text however the container was selected.

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
        """Names of the faults that it can do: a container without a network of its own cannot be cut off."""
        try:
            cut = bool(networks(self._only()))
        except TargetError:
            cut = True
        return tuple(name for name, fault in CONTAINER_FAULTS.items() if cut or Need.NETWORK not in fault.needs)

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

    def prepare(self, fault: Fault) -> Undo:
        """Return engine, id, name, start time, networks and aliases; see `Target.prepare`."""
        one = self._only()
        self._refuse_protected(one)
        self._act(fault)
        if fault.ends_process and one.attrs["HostConfig"].get("AutoRemove"):
            raise TargetError(
                f"{self.describe()} is removed as soon as it ends (--rm), so it could not be started again"
            )
        attached = networks(one)
        if Need.NETWORK in fault.needs and not attached:
            raise TargetError(f"{self.describe()} has no network of its own, so it cannot be cut off from one")
        self._act_unknown = False
        return {
            "engine": self._engine_id(),
            "endpoint": engine.endpoint(self._client),
            "container": one.id,
            "name": one.name,
            "project": str(one.labels.get(engine.PROJECT_LABEL, "")),
            "service": str(one.labels.get(engine.SERVICE_LABEL, "")),
            "started": started(one),
            "networks": attached,
        }

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        one = self._known(undo)
        if one is None:
            raise TargetError(f"container {undo['name']} is gone: it was removed")
        self._refuse_protected(one)
        act, hit = self._act(fault), Hit(one, undo, fault.effect, timeout_s)
        self._act_unknown = True
        self._call(f"{fault.name} of container {one.name}", lambda: act.do(hit))
        self._act_unknown = False

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Undo `fault` on the container that `undo` names, or on one that took its place; see `Target.heal`."""
        act, one = self._act(fault), self._known(undo)
        if one is None:
            self._refuse_other_engine(undo)
            # Created again under the same labels: then only a container that does not run is ours to heal.
            one, act = self._successor(undo), Act(do=act.do, undo=start if fault.ends_process else lambda hit: None)
        hit = Hit(one, undo, fault.effect, timeout_s)
        if self._act_unknown:
            self._call(f"container {one.name}", lambda: act.settle(hit))
            self._act_unknown = False
        self._call(f"healing the {fault.name} of container {one.name}", lambda: act.undo(hit))

    def _act(self, fault: Fault) -> Act[Any]:
        if fault.container is None:
            raise TargetError(f"{self.describe()} does not support {fault.name}; choose from {', '.join(self.faults)}")
        return fault.container

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

    def _call(self, doing: str, ask: Callable[[], Any]) -> Any:
        """Return the engine's answer; any failure becomes a TargetError."""
        try:
            with engine.translate_errors(doing):
                return ask()
        except engine.Gone as error:
            raise _GoneError(str(error)) from None
        except StackError as error:
            raise TargetError(str(error)) from None


class _GoneError(TargetError):
    """The engine says that it is not there."""


def _named(found: list[Any]) -> str:
    names = [str(one.name) for one in found[:_MOST_NAMED]]
    return ", ".join([*names, *(["..."] if len(found) > _MOST_NAMED else [])])
