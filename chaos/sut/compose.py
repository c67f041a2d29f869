"""A compose project as the system under test of this process: acquired, adjusted to each run, released.

A project of which any container ran before stays up. One that this process started, or that a dead harness left
behind, is taken down when this process ends; its volumes stay. Containers that existed, but stopped, are stopped again.
"""

import logging
from pathlib import Path

from chaos.faults.limits import Limits
from chaos.faults.probe_recipes import stack_recipe
from chaos.faults.restore import places, restore
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog.client import Watchdog, WatchdogGone
from chaos.faults.watchdog.liveness import will_be_free
from chaos.faults.watchdog.protocol import Refusal, Teardown
from chaos.faults.watchdog.teardown import ComposeOwner, has_died, owner_name
from chaos.sut.embedded import LEASE_WAIT_S, stack_settings
from chaos.sut.sut import PlaceOrder, PreflightError, Preview, SystemUnderTest
from files.safe_files import write_text
from health.spec import ProbeSpec
from settings.run_settings import Settings
from stack import engine
from stack.compose import ComposeStack
from stack.compose_project import SERVICES, Addresses
from stack.errors import StackError
from stack.lease import LEASE, Lease
from stack.progress import Progress
from stack.service import HEALTH_PATH
from stack.state_dir import StateDirError, make_private, target_home
from stack.state_store import default_home
from stores.variables import ignore_client_variables

log = logging.getLogger("chaos")


class ComposeSystem:
    """A compose project, in use by this process.

    Args:
        settings: name file and project, which stay the same for the life of this process.
        progress: called with each step of the stack.
    """

    def __init__(self, settings: Settings, progress: Progress, place_order: PlaceOrder) -> None:
        file = Path(settings.compose_file) if settings.compose_file else None
        self._stack = ComposeStack(file, settings.compose_project, progress)
        self._place_order = place_order
        self._lease = Lease(
            self.home / LEASE, f"compose project {self._stack.name}", "or name another --compose-project"
        )
        self._owner = ComposeOwner(self.home)
        self._ours = False
        self.watchdog = Watchdog(self.home / "logs" / "watchdog.log")

    @property
    def home(self) -> Path:
        """Folder of journal, lease and logs of this project."""
        return default_home() / f"compose-{self._stack.name}"

    def open(self, settings: Settings) -> str:
        """Take the lease, start the project unless it runs, and return the service's URL.

        Raises:
            LeaseTaken: another harness uses it.
            StackError: Docker, Compose or the engine is missing, or the project did not start.
        """
        ignore_client_variables()
        # The watchdog of a dead harness may still tear it down; one that is frozen is ended.
        self._lease.await_free(LEASE_WAIT_S, lambda: will_be_free(self._lease))
        before = self._standing_before()
        self.watchdog.start()
        self._ours = before != "running"
        if self._ours:
            self._owner.write(owner_name(), before)
            # Before the first container is created: from now on the watchdog takes it down if this process dies.
            self.watchdog.own(Teardown("compose", owner_name(), self._place()))
        self._heal_leftover(Limits(settings.command_timeout, settings.fault_timeout))
        return self._stack.up(stack_settings(settings)).service_url

    def close(self) -> None:
        """Take down what this process started; calling it again does nothing.

        Raises:
            StackError: it did not stop.
        """
        try:
            if self._ours:
                self._ours = False
                self._owner.end(self._stack)
            if self.watchdog.alive:
                self.watchdog.own(None)
        except (Refusal, WatchdogGone) as error:
            log.warning("%s", error)
        finally:
            self._lease.give_back()
            self.watchdog.end()

    def preview(self, settings: Settings) -> Preview:
        """Return what a run would use and break, without touching it."""
        what = f"compose project {self._stack.name} of {self._stack.file}"
        try:
            fates = {
                "running": "runs already and stays up",
                "stopped": "would be started, and stopped again at the end",
                "absent": "would be started, and taken down at the end",
            }
            standing = self._stack.project.status()
            what = f"{what}: {fates[standing]}"
            if standing == "absent":
                return Preview(what, None)
            target = open_target(self._spec(settings))

            target.is_up()  # raises if it is protected, or not one container
            return Preview(what, target.describe())
        except (StackError, TargetError) as error:
            return Preview(what, None, str(error))

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the project as `settings` ask; only the order service is created again if its settings changed.

        Raises:
            PreflightError: it did not start that way, or there is no such container to break.
        """
        try:
            where = self._stack.up(stack_settings(settings))
            spec = self._spec(settings)
            target = open_target(spec)
            target.is_up()  # raises if it is protected, or not one container
            make_private(state := target_home(target.identity))
        except (StackError, TargetError, StateDirError) as error:
            raise PreflightError(str(error)) from None
        outbox = settings.service_variant == "outbox"
        url, since = where.service_url, engine.now(engine.connect())
        return SystemUnderTest(
            service_url=url,
            health_url=f"{url}{HEALTH_PATH}",
            database_url=where.database_url,
            kafka={"bootstrap.servers": where.kafka_bootstrap},
            probe=(probe := _probe(settings.fault_target, where)),
            recipe=stack_recipe(probe),
            admin_url=where.admin_url,
            topic=settings.topic,
            contract=settings.contract,
            backlog_url=f"{url}/outbox/backlog" if outbox else None,
            phantom_url=f"{url}/chaos/phantom-event" if settings.scenario == "phantom-event" else None,
            target=target,
            spec=spec,
            state_dir=state,
            place_order=lambda customer_id: self._place_order(settings, url, customer_id),
            logs=self._log_paths(),
            gather_logs=lambda: self._gather_logs(since),
            environment=self._environment(settings, where),
        )

    def _spec(self, settings: Settings) -> TargetSpec:
        parameters = {"project": self._stack.name, "service": SERVICES[settings.fault_target]}
        return TargetSpec("container", settings.fault_target, parameters)

    def _place(self) -> dict[str, str]:
        """Return the project as texts, for the watchdog."""
        return {"home": str(self.home), "file": str(self._stack.file), "project": self._stack.name}

    def _standing_before(self) -> str:
        """Return the state of the project before any harness used it; a dead harness still owns what it started."""
        now = self._stack.project.status()
        owner, before = self._owner.read()
        return before if before and has_died(owner) and now == "running" else now

    def _heal_leftover(self, limits: Limits) -> None:
        """Heal a fault left open on this project, whose lease we hold: Compose cannot start a paused container."""
        for place in places():
            left = place.fault
            if left is None or left.target.parameters.get("project") != self._stack.name:
                continue
            undo = left.undo
            if not engine.is_same(engine.connect(), str(undo.get("engine")), str(undo.get("endpoint"))):
                continue  # a project of the same name on another engine
            try:
                log.warning("stack: %s", restore(place, limits, line=log.info))
            except TargetError as error:
                raise StackError(str(error)) from None

    def _log_paths(self) -> dict[str, str]:
        """Empty the log files, so that a run's copy begins at their first line."""
        folder = self.home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        paths = {component: folder / f"{component}.log" for component in SERVICES}
        for path in paths.values():
            write_text(path, "")
        return {name: str(path) for name, path in [*paths.items(), ("watchdog", self.watchdog.log_path)]}

    def _gather_logs(self, since: float) -> None:
        """Save what the containers logged since then. Without it a run lacks detail, not truth."""
        try:
            self._stack.project.save_logs(self.home / "logs", since)
        except StackError as error:
            log.warning("a container's log cannot be saved: %s", error)

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
    """Return how the component is probed: by its published port, which a partition removes too."""
    if component == "database":
        return ProbeSpec("sql", where.database_url)
    if component == "service":
        return ProbeSpec("http", f"{where.service_url}{HEALTH_PATH}")
    return ProbeSpec("kafka", where.kafka_bootstrap)
