"""A compose project as the system under test of this process: taken into use, adjusted to each run, given back.

A project of which something ran before is used and left running. One that this process brought up, or that a harness
which has died left behind, goes down with it; its volumes stay. Containers that were there, but stopped, are stopped
again.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from chaos.embedded import PlaceOrder, stack_settings
from chaos.preflight import PreflightError
from chaos.probes import ProbeSpec
from chaos.subject import Subject
from chaos.targets import Target, TargetError, TargetSpec
from chaos.targets.container import open_container_target
from runlog.folder import write_text
from runlog.settings import Settings
from stack.compose import ComposeStack
from stack.compose_project import SERVICES, Addresses
from stack.errors import StackError
from stack.lease import Lease
from stack.service import HEALTH_PATH
from stack.store import default_home

log = logging.getLogger("chaos")

_OWNER: Final = "owner"


class ComposeSystem:
    """A compose project, in use by this process.

    Args:
        settings: name file and project; they stay for the life of this process.
        progress: told each step of the stack.
        place_order: how an order is placed.
    """

    def __init__(
        self, settings: Settings, progress: Callable[[str, str, float | None], None], place_order: PlaceOrder
    ) -> None:
        file = Path(settings.compose_file) if settings.compose_file else None
        self._stack = ComposeStack(file, settings.compose_project, progress)
        self._place_order = place_order
        self._lease = Lease(self.home / "lease")
        self._before = "running"
        self._opened = False

    @property
    def home(self) -> Path:
        """Folder of journal, lease and logs of this project."""
        return default_home() / f"compose-{self._stack.name}"

    def open(self, settings: Settings) -> str:
        """Take the lease, bring the project up if it is not, and return the service's URL.

        Raises:
            LeaseTaken: another harness uses it.
            StackError: Docker, Compose or the engine is missing, or it does not come up.
        """
        self._lease.take()
        try:
            self._before = self._standing_without_us()
            if self._before != "running":
                write_text(self.home / _OWNER, f"{os.getpid()} {self._before}\n")
            # From here on something of ours may run, whatever happens.
            self._opened = True
            return self._stack.up(stack_settings(settings)).service_url
        except BaseException:
            # What went wrong first is what matters.
            with suppress(StackError):
                self.close()
            raise

    def close(self) -> None:
        """Take down what this process brought up; harmless when done twice.

        Raises:
            StackError: it does not go down.
        """
        try:
            if self._opened and self._before != "running":
                self._opened = False
                (self._stack.down if self._before == "absent" else self._stack.stop)()
                (self.home / _OWNER).unlink(missing_ok=True)
        finally:
            self._lease.give_back()

    def prepare(self, settings: Settings) -> Subject:
        """Return the project as `settings` want it; only the order service is made anew when its settings have changed.

        Raises:
            PreflightError: it does not come up that way, or there is no such container to break.
        """
        try:
            where = self._stack.up(stack_settings(settings))
            target = self._target(settings)
        except (StackError, TargetError) as error:
            raise PreflightError(str(error)) from None
        outbox = settings.service_variant == "outbox"
        url, timeout_s, since = where.service_url, settings.request_timeout, time.time()
        return Subject(
            service_url=url,
            health_url=f"{url}{HEALTH_PATH}",
            database_url=where.database_url,
            kafka={"bootstrap.servers": where.kafka_bootstrap},
            probe=_probe(settings.fault_target, where),
            admin_url=where.admin_url,
            topic=settings.topic,
            orders_table="orders",
            outbox_table="outbox" if outbox else None,
            backlog_url=f"{url}/outbox/backlog" if outbox else None,
            phantom_url=f"{url}/chaos/phantom-event" if settings.scenario == "phantom-event" else None,
            target=target,
            place_order=lambda customer_id: self._place_order(url, timeout_s, customer_id),
            logs=self._log_paths(),
            gather_logs=lambda: self._gather_logs(since),
            environment=self._environment(settings, where),
        )

    def _target(self, settings: Settings) -> Target:
        parameters = {"project": self._stack.name, "service": SERVICES[settings.fault_target]}
        target = open_container_target(TargetSpec("container", settings.fault_target, parameters))
        target.is_up()  # says at once when it is protected, or not one container
        return target

    def _standing_without_us(self) -> str:
        """Return how the project stood before any harness; one that has died owns what it had brought up."""
        now = self._stack.project.standing()
        try:
            pid, before = (self.home / _OWNER).read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return now
        died = not (pid.isdigit() and psutil.pid_exists(int(pid)))
        return before if died and now == "running" and before in ("absent", "stopped") else now

    def _log_paths(self) -> dict[str, str]:
        """Empty files now, so that a run's copy of them begins at their first line."""
        folder = self.home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        paths = {component: folder / f"{component}.log" for component in SERVICES}
        for path in paths.values():
            write_text(path, "")
        return {component: str(path) for component, path in paths.items()}

    def _gather_logs(self, since: float) -> None:
        """Ask the engine for what the containers have said since then. Without it a run lacks detail, not truth."""
        try:
            self._stack.project.save_logs(self.home / "logs", since)
        except StackError as error:
            log.warning("a container's log cannot be kept: %s", error)

    def _environment(self, settings: Settings, where: Addresses) -> dict[str, str]:
        images: dict[str, str] = {}
        for component in SERVICES:
            one = self._stack.project.container(component)
            images[component] = f"container {one.name} of {one.attrs['Config']['Image']}" if one is not None else "gone"
        return {
            "order service": f"{settings.service_variant} at {where.service_url}, {images['service']}",
            "broker": f"Kafka protocol at {where.kafka_bootstrap}, {images['broker']}",
            "database": f"PostgreSQL, port {where.database_port}, {images['database']}",
        }


def _probe(component: str, where: Addresses) -> ProbeSpec:
    """Return how the component is asked: by its published port, which goes away with a partition too."""
    if component == "database":
        return ProbeSpec("sql", where.database_url)
    if component == "service":
        return ProbeSpec("http", f"{where.service_url}{HEALTH_PATH}")
    return ProbeSpec("kafka", where.kafka_bootstrap)
