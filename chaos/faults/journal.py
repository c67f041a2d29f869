"""The journal: what a run is about to break is on disk before it is broken, and removed once it is proven healed.

One file for each place where something may be broken, so that the watchdog, the next start and a person with
`python -m chaos` know what was left broken, by which run, how it is undone and how it is proven. Written whole, with a
rename. It holds no secret.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from chaos.faults.fault import Fault
from chaos.faults.limits import Limits
from chaos.faults.registry import known_fault
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.running_command import RunningCommand
from files.safe_files import OtherFormat, check_format, read_regular, write_text
from health.effect import Effect
from health.spec import ProbeRecipe
from runlog.clock import iso_utc

JOURNAL: Final = "journal.json"
FORMAT: Final = 1
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that was begun and not yet proven healed.

    Attributes:
        described: what exactly was hit, in words.
        at: epoch seconds.
        pid: the harness process whose run it is.
        undo: what the target needs to know to undo it.
        marks: file that takes the marks of the run; empty when there is none.
        clock: epoch and monotonic seconds at the anchor of the run's clock.
        boot: the boot of the machine in which that clock counts.
        proven: whether the probe has proven the target down.
        limits: how long acts and proofs may take.
        recipe: how the target is probed, in the way in which the fault is proven; None: unknown.
        pid_started: start time of the harness, see `stack.process.start_time`; 0 where it was gone already.
        failed: how often healing it has failed.
        trouble: why it failed last.
        running: the command that was started last, where commands break and heal.
        effect: what the target's probes must see while it lasts.
    """

    run_id: str
    fault: str
    target: TargetSpec
    described: str
    at: float
    pid: int
    undo: Mapping[str, Any] = field(default_factory=dict)
    marks: str = ""
    outage: int = 0
    clock: tuple[float, float] = (0.0, 0.0)
    boot: str = ""
    proven: bool = False
    limits: Limits = field(default_factory=Limits)
    recipe: ProbeRecipe | None = None
    pid_started: float = 0.0
    failed: int = 0
    trouble: str = ""
    running: RunningCommand | None = None
    effect: Effect = field(default_factory=Effect)

    @property
    def injected(self) -> Fault:
        """The fault as a value. Raises TargetError where this version does not know it."""
        return known_fault(self.fault, self.effect)

    def sentence(self) -> str:
        """Return what was broken, by which run and when, as the subject of a sentence."""
        when = iso_utc(self.at).partition(".")[0]
        return f"{self.described}, which run {self.run_id} left broken ({self.fault}, {when}Z),"


class _Head(msgspec.Struct):
    format: int


class JournalUnreadable(Exception):
    """There is a journal that cannot be read; the message is one sentence."""


class JournalStays(Exception):
    """A journal cannot be removed although its fault is proven healed; the message is the end of a sentence."""


class Journal:
    """The journal of one place.

    Args:
        path: its file; the folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, entry: OpenFault) -> None:
        """Write that `entry` is about to be injected; it is on disk when this returns.

        Raises:
            OSError: it cannot be written; then the fault must not be injected.
        """
        write_text(self.path, json.dumps({"format": FORMAT, **asdict(entry)}) + "\n")
        for path in (self.path, self.path.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Write that everything is proven healed.

        Raises:
            JournalStays: it cannot be removed.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise JournalStays(
                f"its journal {self.path} cannot be removed ({(error.strerror or str(error)).lower()}): "
                "remove that file, else the next start heals the target once more"
            ) from None

    def left_open(self) -> OpenFault | None:
        """Return the open fault, None when there is none.

        Raises:
            JournalUnreadable: there is one that cannot be read.
        """
        try:
            raw = read_regular(self.path)
            check_format(msgspec.json.decode(raw, type=_Head).format, FORMAT)
            return msgspec.json.decode(raw, type=OpenFault)
        except FileNotFoundError:
            return None
        except OtherFormat as other:
            raise JournalUnreadable(f"the journal {self.path} {other}") from None
        except (ValueError, RecursionError, OSError) as error:  # msgspec's errors and wrong UTF-8 are a ValueError
            # We never write half a file (we rename), but if there is one, a fault was open: report it.
            raise JournalUnreadable(
                f"the journal {self.path} cannot be read ({type(error).__name__}): something may be broken; "
                "check that all components are up, then close it with `python -m chaos forget`"
            ) from None

    def note_proven(self) -> None:
        """Record that the probe has proven the open fault. Raises OSError."""
        if (entry := self._known()) is not None and not entry.proven:
            self.open(replace(entry, proven=True))

    def note_failed(self, trouble: str) -> None:
        """Record that healing the open fault has failed. Raises OSError."""
        if (entry := self._known()) is not None:
            self.open(replace(entry, failed=entry.failed + 1, trouble=trouble))

    # -- commands of a command target: `chaos.faults.targets.running_command.CommandJournal` ------------------

    def running(self) -> RunningCommand | None:
        """Return the command that was recorded last, whether it still runs or not; None after a boot since."""
        entry = self._known()
        return entry.running if entry is not None and entry.boot == this_boot() else None

    def note_running(self, command: RunningCommand) -> None:
        """Record a command that is about to begin; on disk when this returns. Raises OSError."""
        if (entry := self._known()) is not None:
            self.open(replace(entry, running=command))

    def _known(self) -> OpenFault | None:
        try:
            return self.left_open()
        except JournalUnreadable:
            return None


def this_boot() -> str:
    """Return a text that is another one after each boot of this machine: monotonic clocks begin again then."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"
