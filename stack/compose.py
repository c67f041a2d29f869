"""The system under test in containers: the project of a compose file, started and taken down.

What runs already is left as it is. Only the order service is recreated when a run wants other settings of it. Compose
creates containers, networks and volumes; `stack.compose_project` reads their state from the engine and probes the
components on their own protocols.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from files.paths import CHECKOUT
from health.check import Health
from stack import compose_cli, engine, ports
from stack.compose_project import PORTS, SERVICES, Addresses, ComposeProject, log_tail
from stack.errors import StackError
from stack.progress import Progress, Stopwatch, silent
from stack.service import behaviour
from stack.settings import ServiceSettings, StackSettings

FILE: Final = CHECKOUT / "docker-compose.yml"
_UP_S: Final = 900.0  # images may have to be pulled
_DOWN_S: Final = 150.0
_TRIES: Final = 3
_READY_S: Final = 120.0
_POLL_S: Final = 0.25


class ComposeStack:
    """The project `project` of the compose file `file` (defaults: this checkout's, named as Compose names it).

    Raises StackError with one sentence when something is missing, does not start, or does not stop.
    """

    def __init__(self, file: Path | None = None, project: str = "", progress: Progress = silent) -> None:
        self.file = (file or FILE).resolve()
        self.name = project or compose_cli.default_project(self.file)
        self._progress = progress
        self._connected: tuple[Any, ComposeProject, compose_cli.ComposeCommand] | None = None

    @property
    def project(self) -> ComposeProject:
        """The project; raises StackError when Compose or the engine is missing."""
        return self._connect()[1]

    def up(self, settings: StackSettings | None = None) -> Addresses:
        """Bring up what is missing, and return the addresses once everything answers.

        Broker and database first, then the order service: each wait is bounded, and its error names what was awaited,
        with the last lines of its log. Containers that run are left alone, except an order service whose settings
        differ. The order service's image is built when it has no container yet, unless SERVICE_IMAGE names one.
        """
        wanted = settings or StackSettings()
        self._refuse_remote()
        watch = Stopwatch(self._progress, "compose")
        variables = {**self._port_variables(wanted), **behaviour(wanted.service)}
        for component in ("broker", "database"):
            self._bring(component, variables)
        for component in ("broker", "database"):
            self._await_ready(component)
        self._bring_service(wanted.service, variables)
        self._await_ready("service")
        watch.done(f"project {self.name} ready")
        return self.project.addresses()

    def down(self) -> None:
        """Remove containers and network; the volumes stay."""
        self._take("down", "taken down, its volumes kept", ("absent",))

    def stop(self) -> None:
        self._take("stop", "stopped", ("stopped", "absent"))

    def _take(self, command: str, done: str, wanted: tuple[str, ...]) -> None:
        """Run `command` until the project stands as `wanted`: Compose does not see what the engine still creates."""
        watch = Stopwatch(self._progress, "compose")
        for tries_left in reversed(range(_TRIES)):
            try:
                self._run(command, timeout_s=_DOWN_S, doing=f"{command} of compose project {self.name}")
                if (stands := self.project.status()) in wanted:
                    break
                raise StackError(f"{command} of compose project {self.name} ended, but it is still {stands}")
            except StackError:
                if not tries_left:
                    raise
        watch.done(f"project {self.name} {done}")

    def _bring(self, component: str, variables: Mapping[str, str]) -> None:
        """Let Compose create and start broker or database, unless it runs."""
        one = self.project.container(component)
        if one is not None and self._runs(one):
            return
        self._progress(component, f"starting {SERVICES[component]} (pulls its image if it is missing)", None)
        self._up(component, variables)

    def _bring_service(self, wanted: ServiceSettings, variables: Mapping[str, str]) -> None:
        """Let Compose create the order service unless it runs with the wanted settings; nothing else is changed."""
        one = self.project.container("service")
        if one is not None and self._runs(one) and not self._differs(wanted):
            return
        if one is not None:
            # Same image, perhaps built by hand: the settings change, not the code under test.
            variables = {**variables, "SERVICE_IMAGE": str(one.attrs["Config"]["Image"])}
        elif not os.environ.get("SERVICE_IMAGE"):
            watch = Stopwatch(self._progress, "service", "building its image")
            self._run("build", SERVICES["service"], timeout_s=_UP_S, doing="building the order service's image")
            watch.done("image built")
        self._progress("service", f"starting variant {wanted.variant}", None)
        self._up("service", variables)

    def _up(self, component: str, variables: Mapping[str, str]) -> None:
        # Without its dependencies: they are awaited here, and nothing that runs may be recreated.
        service = SERVICES[component]
        self._run("up", "-d", "--no-deps", service, env=variables, timeout_s=_UP_S, doing=f"starting {service}")

    def _differs(self, wanted: ServiceSettings) -> bool:
        now = self.project.service_environment()
        return any(now.get(name) != text for name, text in behaviour(wanted).items())

    def _runs(self, one: Any) -> bool:
        """Whether a container runs; raises StackError for one that was paused or disconnected by other means."""
        if one.status == "paused":
            raise StackError(f"container {one.name} is paused: run 'docker unpause {one.name}' first")
        if one.status == "running" and engine.is_cut_off(one):
            raise StackError(
                f"container {one.name} is attached to no network: connect it again ('docker network connect'), or take "
                f"compose project {self.name} down"
            )
        return bool(one.status in ("running", "restarting"))

    def _await_ready(self, component: str) -> None:
        watch = Stopwatch(self._progress, component)
        found = Health(False, "it was not probed")
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            one = self.project.container(component)
            if one is not None and one.status in ("exited", "dead"):
                code = one.attrs["State"]["ExitCode"]
                raise StackError(f"container {one.name} ended with exit code {code} while starting{log_tail(one)}")
            found = self.project.probe(component)
            if found.ok:
                watch.done("ready")
                return
            time.sleep(_POLL_S)
        one = self.project.container(component)
        raise StackError(
            f"timed out after {_READY_S:g} s waiting for {SERVICES[component]} of compose project {self.name}: "
            f"{found.detail}{log_tail(one) if one is not None else ''}"
        )

    def _port_variables(self, wanted: StackSettings) -> dict[str, str]:
        """Return the compose file's port variables: those of existing containers, else as asked for, else free ones.

        A variable that is not returned keeps its value of the environment or the file.
        """
        asked = {"kafka": wanted.kafka_port, "database": wanted.database_port, "service": wanted.service_port}
        chosen: dict[str, int] = {}
        for name, part in PORTS.items():
            there, port = self.project.published(name), asked.get(name, 0)
            if there is not None and port not in (0, there):
                raise StackError(
                    f"{part.option} {port}: {SERVICES[part.component]} of compose project {self.name} exists "
                    f"already, with port {there}; leave {part.option} out, or take the project down first"
                )
            if there is not None:
                chosen[name] = there
            elif port:
                chosen[name] = ports.claim(port, part.option)
            elif not os.environ.get(part.variable) and not ports.is_free(part.default):
                chosen[name] = ports.choose({*chosen.values(), *asked.values()})
        return {PORTS[name].variable: str(port) for name, port in chosen.items()}

    def _refuse_remote(self) -> None:
        client = self._connect()[0]
        if not engine.is_local(client):
            raise StackError(
                f"the Docker Engine at {engine.address(client)} is another machine, and the compose file publishes on "
                "that machine's loopback only: run the harness there"
            )

    def _run(self, *arguments: str, timeout_s: float, doing: str, env: Mapping[str, str] | None = None) -> None:
        self._connect()[2].run(*arguments, env=env or {}, timeout_s=timeout_s, doing=doing)

    def _connect(self) -> tuple[Any, ComposeProject, compose_cli.ComposeCommand]:
        if self._connected is None:
            if not self.file.is_file():
                raise StackError(f"there is no compose file {self.file}")
            command = compose_cli.ComposeCommand(compose_cli.find(), self.file, self.name)
            client = engine.connect()
            self._connected = client, ComposeProject(client, self.name), command
        return self._connected
