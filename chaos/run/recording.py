"""Opens and closes what a run writes: its folder, facts, ledger, marks, and the monitor that records the offsets.

Nothing is written before preflight has passed; from then on everything is on disk as it happens.
"""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from chaos.faults.registry import chosen_fault
from chaos.monitor.client import MonitorClient
from chaos.monitor.monitor import MonitorConfig
from chaos.run.canary_order import CanaryOrder
from chaos.sut.sut import SystemUnderTest
from contract.attribution import EXCLUSIVE
from contract.run_key import RunKey
from files.paths import CHECKOUT, reason
from files.safe_files import write_json
from redaction.patterns import without_secrets
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts, TopicStart
from runlog.folder import create_run_folder
from runlog.ledger import LedgerWriter
from runlog.locks import InUse
from runlog.marks import Mark, MarksWriter, append_mark
from settings.run_settings import OPTIONS, Settings, names_secret

PACKAGES: Final = ("locust", "gevent", "confluent-kafka", "psycopg", "numpy")
MONITOR_WAIT_S: Final = 10.0


class Recording:
    """An open run.

    Args:
        settings: what the run was asked to do.
        start: where the topic ended when the run began.
        proven: the canary order of the preflight.
        texts: the options as given, for `run.json`; secrets are masked here.
    """

    def __init__(
        self,
        settings: Settings,
        sut: SystemUnderTest,
        start: TopicStart,
        proven: CanaryOrder,
        texts: dict[str, str],
    ) -> None:
        self.trouble: str | None = None
        self._closed = False
        self.clock = AnchoredClock.anchor()
        self.run_key = RunKey.random()
        self.folder = create_run_folder(Path(settings.runs_dir).absolute())
        # From here until it is judged, the folder must not be removed.
        self.in_use = InUse(self.folder)
        self._marks = MarksWriter(self.folder.marks)
        self._log_starts = {name: _size(Path(path)) for name, path in sut.logs.items()}
        self._sut = sut
        self.facts = self._make_facts(settings, start, proven, texts)
        self.facts.write(self.folder)
        self.ledger = LedgerWriter(self.folder.ledger, self.run_key)
        self.monitor = MonitorClient(self._monitor_config(), self.folder.logs / "monitor.log")
        self.mark(Mark(self.facts.started_at, marks.STARTED, None, {"run": str(self.run_key)}))

    def mark(self, mark: Mark) -> None:
        """Write `mark`. A full disk becomes `trouble`, never an exception: healing comes before writing."""
        try:
            if self._closed:
                append_mark(self.folder.marks, mark)
            else:
                self._marks.write(mark)
        except OSError as error:
            self.trouble = self.trouble or f"the marks cannot be written: {reason(error)}"

    def mark_now(self, name: str, outage: int | None = None, **detail: object) -> None:
        self.mark(Mark(self.clock.now(), name, outage, detail))

    def await_monitor(self) -> None:
        """Wait for the monitor's first answer.

        Raises:
            NotProven: it did not come in time.
        """
        self.monitor.await_answer(MONITOR_WAIT_S)

    def close(self, statistics: object) -> None:
        """Stop the monitor, write the last mark and save logs and Locust's statistics.

        Args:
            statistics: JSON value of Locust's own numbers.
        """
        try:
            self.monitor.close()
            write_json(self.folder.path / "locust-stats.json", statistics)
            self._sut.gather_logs()
            self._keep_logs()
        except OSError as error:
            self.trouble = self.trouble or f"logs and statistics cannot be saved: {reason(error)}"
        finally:
            self.mark_now(marks.ENDED, wall_step=round(self.clock.wall_step(), 6))
            self._closed = True
            self._marks.close()

    def _monitor_config(self) -> MonitorConfig:
        event, tagged = self._sut.contract.event, self._sut.contract.event.tag_place is not None
        return MonitorConfig(
            client=self._sut.kafka,
            topic=self._sut.topic,
            event=event if tagged or self._sut.attribution == EXCLUSIVE else None,
            run_key=str(self.run_key) if tagged else "",
            clock=self.clock,
            offsets_file=str(self.folder.offsets),
            target=self._sut.target.component,
            probe=self._sut.probe,
            probes_file=str(self.folder.probes),
            effect=self.facts.fault.effect,
        )

    def _keep_logs(self) -> None:
        """Copy what was appended to the logs of the system under test during this run."""
        for name, text in self._sut.logs.items():
            path = Path(text)
            if path.is_file():
                copy = self.folder.logs / f"{name}.log"
                copy.touch(mode=0o600)
                with path.open("rb") as source, copy.open("wb") as kept:
                    source.seek(min(self._log_starts[name], path.stat().st_size))
                    while block := source.read(1 << 20):
                        kept.write(block)

    def _make_facts(
        self, settings: Settings, start: TopicStart, proven: CanaryOrder, texts: dict[str, str]
    ) -> RunFacts:
        secret = {option.dest for option in OPTIONS if option.secret}
        return RunFacts(
            run_id=self.folder.run_id,
            run_key=self.run_key,
            started_at=self.clock.now(),
            clock=self.clock,
            options={name: "***" if name in secret and text else text for name, text in texts.items()},
            command=[Path(sys.argv[0]).name, *_masked(sys.argv[1:])],
            versions=_versions(),
            scenario=settings.scenario,
            stack=settings.stack,
            rate=settings.rate,
            baseline_s=settings.baseline,
            outage_s=settings.outage,
            recovery_s=settings.recovery,
            request_timeout_s=settings.request_timeout,
            delivery_timeout_s=settings.delivery_timeout,
            settle_s=settings.settle,
            fault=chosen_fault(settings).facts,
            fault_target=settings.fault_target,
            expect=settings.expect,
            expect_source=settings.expect_source,
            attribution=settings.attribution,
            fail_on_duplicates=settings.fail_on_duplicates,
            topic=start,
            contract=self._sut.contract,
            block_time_s=settings.publisher.block_s,
            publish_horizon_s=settings.publish_horizon,
            backlog_watched=self._sut.backlog_url is not None,
            database_time=proven.row_time,
            service_variant=None if settings.stack == "external" else settings.service_variant,
            check_order=proven.order,
            environment=self._sut.environment,
        )


def _masked(arguments: list[str]) -> list[str]:
    """Return the command line with the values of secret options masked."""
    masked, hide = [], False
    for argument in arguments:
        flag, equals, _ = argument.partition("=")
        masked.append("***" if hide else f"{flag}=***" if equals and names_secret(flag) else without_secrets(argument))
        hide = not equals and not hide and names_secret(argument)
    return masked


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        versions["revision"] = revision.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        versions["revision"] = "unknown"
    return versions


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
