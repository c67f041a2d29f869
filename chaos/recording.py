"""Opens what a run writes: its folder, facts, ledger, marks, and the lookout that keeps the offsets; and closes them.

Nothing is written before preflight has passed, and from then on everything is on disk as it happens.
"""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from chaos.lookout import LookoutConfig
from chaos.proof import ProvenOrder
from chaos.subject import Subject
from chaos.watch import LookoutWatch
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts, TopicStart
from runlog.folder import create_run_folder, reason, write_json
from runlog.ids import RunKey
from runlog.judged import InUse
from runlog.ledger import LedgerWriter
from runlog.marks import Mark, MarksWriter
from runlog.options import OPTIONS
from runlog.settings import Settings

PACKAGES: Final = ("locust", "gevent", "confluent-kafka", "psycopg", "numpy")
LOOKOUT_WAIT_S: Final = 10.0


class Recording:
    """An open run.

    Args:
        settings: what the run was asked to do.
        subject: the system under test.
        start: where the topic ended when the run began.
        proven: the baseline order of the preflight.
        texts: the options as given, for `run.json`; secrets are masked here.
    """

    def __init__(
        self, settings: Settings, subject: Subject, start: TopicStart, proven: ProvenOrder, texts: dict[str, str]
    ) -> None:
        self.trouble: str | None = None
        self.clock = AnchoredClock.anchor()
        self.run_key = RunKey.random()
        self.folder = create_run_folder(Path(settings.runs_dir).absolute())
        # From here until it is judged, nobody may remove the folder.
        self.in_use = InUse(self.folder)
        self._marks = MarksWriter(self.folder.marks)
        self._log_starts = {name: _size(Path(path)) for name, path in subject.logs.items()}
        self._subject = subject
        self.facts = self._make_facts(settings, start, proven, texts)
        self.facts.write(self.folder)
        self.ledger = LedgerWriter(self.folder.ledger, self.run_key)
        self.watch = LookoutWatch(self._lookout_config(), self.folder.logs / "lookout.log")
        self.mark(Mark(self.facts.started_at, marks.STARTED, None, {"run": str(self.run_key)}))

    def mark(self, mark: Mark) -> None:
        """Write `mark`. A full disk becomes `trouble`, never an exception: mending goes before writing."""
        try:
            self._marks.write(mark)
        except OSError as error:
            self.trouble = self.trouble or f"the marks cannot be written: {reason(error)}"

    def mark_now(self, name: str, outage: int | None = None, **detail: object) -> None:
        """Write a mark of this moment."""
        self.mark(Mark(self.clock.now(), name, outage, detail))

    def await_lookout(self) -> None:
        """Wait until the lookout has its first answer.

        Raises:
            NotProven: it has none in time.
        """
        self.watch.await_answer(LOOKOUT_WAIT_S)

    def close(self, statistics: object) -> None:
        """End the lookout, stamp the end and keep logs and Locust's statistics.

        Args:
            statistics: JSON value of Locust's own numbers.
        """
        self.watch.close()
        try:
            write_json(self.folder.path / "locust-stats.json", statistics)
            self._keep_logs()
        except OSError as error:
            self.trouble = self.trouble or f"logs and statistics cannot be kept: {reason(error)}"
        self.mark_now(marks.ENDED, wall_step=round(self.clock.wall_step(), 6))
        self._marks.close()

    def _lookout_config(self) -> LookoutConfig:
        prefix = self.run_key.text_prefix
        return LookoutConfig(self._subject.kafka, self._subject.topic, prefix, self.clock, str(self.folder.offsets))

    def _keep_logs(self) -> None:
        """Copy what the logs of the system under test grew by during this run."""
        for name, text in self._subject.logs.items():
            path = Path(text)
            if path.is_file():
                copy = self.folder.logs / f"{name}.log"
                copy.touch(mode=0o600)
                with path.open("rb") as source, copy.open("wb") as kept:
                    source.seek(min(self._log_starts[name], path.stat().st_size))
                    while block := source.read(1 << 20):
                        kept.write(block)

    def _make_facts(
        self, settings: Settings, start: TopicStart, proven: ProvenOrder, texts: dict[str, str]
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
            fault=settings.fault,
            fault_target=settings.fault_target,
            expect=settings.expect,
            expect_source=settings.expect_source,
            attribution=settings.attribution,
            topic=start,
            orders_table=self._subject.orders_table,
            database_time=proven.row_time,
            outbox_table=self._subject.outbox_table,
            service_variant=settings.service_variant,
            check_order=proven.order,
            environment=self._subject.environment,
        )


def _masked(arguments: list[str]) -> list[str]:
    """Return the command line with the values of secret options masked."""
    flags = {option.flag for option in OPTIONS if option.secret}
    masked, hide = [], False
    for argument in arguments:
        flag, equals, _ = argument.partition("=")
        masked.append("***" if hide else f"{flag}=***" if equals and flag in flags else argument)
        hide = argument in flags
    return masked


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).resolve().parent,
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
