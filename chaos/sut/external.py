"""The user's own service as the system under test: the harness starts and stops nothing, it only breaks the target.

It needs neither Java nor PostgreSQL nor Docker on this machine. Journal and leases, which must outlive the harness,
are in the state folder (`stack.state_dir`).
"""

from pathlib import Path

from chaos.faults.addresses import canonical
from chaos.faults.probe_recipes import external_recipe, external_spec
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.no_target import NoTarget
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog.client import Watchdog
from chaos.sut.sut import PlaceOrder, PreflightError, Preview, SystemUnderTest
from settings.external import ExternalSettings
from settings.run_settings import Settings, SettingsError
from settings.service_files import read_service_files
from stack.errors import StackError
from stack.lease import Lease, LeaseTaken
from stack.state_dir import StateDirError, home_of, lease_of, make_private, target_home


class ExternalSystem:
    """A service that others run, in use by this process.

    Args:
        settings: of this process; what describes the service does not change while it runs.
    """

    def __init__(self, settings: Settings, place_order: PlaceOrder) -> None:
        external = settings.external
        if external is None:
            raise ValueError("an external system needs the settings of one")
        self._external: ExternalSettings = external
        self._place_order = place_order
        self._leases: list[Lease] = []
        self._folder = Path.cwd()
        self.watchdog = Watchdog(self.home / "logs" / "watchdog.log")

    @property
    def home(self) -> Path:
        """Folder of the journal, which outlives this process."""
        return home_of(self._external.base_url)

    def open(self, settings: Settings) -> str:
        """Take the leases of service and target, and return the service's URL.

        Raises:
            LeaseTaken: another harness uses one of them.
            StackError: the folder of journal and leases cannot be used, or the target cannot be opened.
        """
        try:
            make_private(self.watchdog.log_path.parent)
            identities = [self._external.base_url, open_target(self._spec(settings)).identity]
            for identity in dict.fromkeys(identities):
                if identity != NoTarget.identity:
                    self._take(identity)
        except (StateDirError, TargetError, SettingsError) as error:
            raise StackError(str(error)) from None
        return self._external.base_url

    def close(self) -> None:
        """Release the leases; calling it again does nothing."""
        while self._leases:
            self._leases.pop().give_back()
        self.watchdog.end()

    def preview(self, settings: Settings) -> Preview:
        """Return what a run would use and break, without touching it."""
        what = f"your own service at {self._external.base_url}: the harness neither starts nor stops it"
        try:
            spec = self._spec(settings)
            target = open_target(spec)
            if spec.kind == "container":
                target.is_up()  # raises if it is protected, or not one container; a command is not run for a preview
            return Preview(what, target.describe())
        except (TargetError, SettingsError) as error:
            return Preview(what, None, str(error))

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the service as `settings` describe it, without touching it.

        Raises:
            PreflightError: a needed file is not readable any more, or the target cannot be opened.
        """
        external, url = self._external, self._external.base_url
        try:
            files = read_service_files(external, settings.attribution)
            spec = self._spec(settings)
            target = open_target(spec)
            make_private(state := target_home(target.identity))
            recipe = external_recipe(settings.fault_target, external, files)
        except (SettingsError, TargetError, StateDirError) as error:
            raise PreflightError(str(error)) from None
        return SystemUnderTest(
            service_url=url,
            health_url=None if external.health_path is None else url + external.health_path,
            database_url=files.database_url,
            kafka=files.kafka,
            topic=settings.topic,
            contract=external.contract,
            backlog_url=external.backlog_url,
            phantom_url=f"{url}/chaos/phantom-event" if settings.scenario == "phantom-event" else None,
            target=target,
            spec=spec,
            state_dir=state,
            probe=external_spec(recipe, files),
            recipe=recipe,
            place_order=lambda customer_id: self._place_order(settings, url, customer_id),
            logs={"watchdog": str(self.watchdog.log_path)},
            environment={
                "order service": url,
                "broker": f"Kafka at {files.kafka['bootstrap.servers']}",
                "database": f"PostgreSQL, table {external.contract.table.name}",
            },
            stack="external",
            attribution=settings.attribution,
            headers=files.headers,
            ca_file=external.ca_file,
        )

    def _spec(self, settings: Settings) -> TargetSpec:
        external = self._external
        if external.target_container:
            return TargetSpec("container", settings.fault_target, container_parameters(external.target_container))
        if not external.break_command:
            return NoTarget.spec
        commands = {
            "break": external.break_command,
            "heal": external.heal_command,
            "check": external.command_check,
            "shell": external.command_shell,
            "folder": str(self._folder),
            "probed": probed_address(settings),
        }
        return TargetSpec("command", settings.fault_target, commands)

    def _take(self, identity: str) -> None:
        lease = Lease(lease_of(identity))
        make_private(lease_of(identity).parent)
        try:
            lease.take()
        except LeaseTaken:
            by = lease.holder() or "unknown"
            raise LeaseTaken(f"another harness (process {by}) already uses {identity}; wait until it ends") from None
        self._leases.append(lease)


def probed_address(settings: Settings) -> str:
    """Return the address at which the fault target is probed, without secrets, in one spelling.

    Raises:
        SettingsError: a needed file is not readable any more.
    """
    external = settings.external
    if external is None or settings.fault_target == "service":
        return "" if external is None else canonical(external.base_url)
    recipe = external_recipe(settings.fault_target, external, read_service_files(external, settings.attribution))
    return canonical(recipe.address)


def container_parameters(text: str) -> dict[str, str]:
    """Return the parameters of a container target: `name`, or `project` and `service` for `PROJECT/SERVICE`."""
    project, slash, service = text.partition("/")
    return {"project": project, "service": service} if slash else {"name": text}
