"""The runs of a folder, each with what a table of runs shows of it; kept in memory until its files change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from files.safe_files import read_regular
from runlog.facts import RunFacts
from runlog.folder import RunFolder, runs_in


class GuardHead(msgspec.Struct):
    """One guard of `report.json`."""

    name: str
    kind: str
    passed: bool | None
    reason: str


class OutageHead(msgspec.Struct):
    """One outage of `report.json`."""

    fault: str | None
    target: str | None


class RateHead(msgspec.Struct):
    """The load of `report.json`."""

    configured: float


class Report(msgspec.Struct):
    """What of `report.json` is shown; the rest of the file is skipped."""

    run_id: str
    verdict: str
    reason: str
    scope: str
    expect: str
    expectation_met: bool | None
    exit_code: int
    scenario: str
    stack: str
    service_variant: str | None
    options: dict[str, str]
    started_at: float
    counts: dict[str, int]
    outages: list[OutageHead]
    guards: list[GuardHead]
    rate: RateHead


@dataclass(frozen=True, slots=True)
class Head:
    """One run in the table.

    Attributes:
        verdict: None while it has not been judged.
        fault: what was broken, in words; None where nothing was.
        lost: lost events, or phantom events in that scenario; None while it has not been judged.
        suspected: those that are only suspected.
        problem: why it cannot be read; then nothing else is known of it.
    """

    run_id: str
    started_at: float
    scenario: str
    stack: str
    variant: str | None
    fault: str | None
    rate: float
    outage_s: float
    verdict: str | None
    lost: int | None
    suspected: int | None
    exit_code: int | None
    problem: str | None = None


class Heads:
    """The runs below `runs_dir`."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._known: dict[str, tuple[tuple[float, float], Head]] = {}

    def all(self) -> list[Head]:
        """Return the head of each run, the newest first.

        Raises:
            OSError: the folder cannot be read.
        """
        found = []
        for folder in runs_in(self._runs_dir) if self._runs_dir.is_dir() else []:
            stamp = _changed(folder.facts), _changed(folder.report)
            known = self._known.get(folder.run_id)
            if known is None or known[0] != stamp:
                known = self._known[folder.run_id] = stamp, _head_or_problem(folder)
            found.append(known[1])
        return found


def read_report(folder: RunFolder) -> Report | None:
    """Return what `report.json` says; None while the run has not been judged.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    try:
        return msgspec.json.decode(read_regular(folder.report), type=Report)
    except FileNotFoundError:
        return None


def _head_or_problem(folder: RunFolder) -> Head:
    """Return the head of a run; of one with damaged files, which of them cannot be read."""
    try:
        return _head(folder)
    except (OSError, ValueError, LookupError):
        pass
    try:
        RunFacts.read(folder)
        name = folder.report.name
    except (OSError, ValueError, LookupError):
        name = folder.facts.name
    nothing = dict.fromkeys(("variant", "fault", "verdict", "lost", "suspected", "exit_code"))
    return Head(
        run_id=folder.run_id, started_at=0.0, scenario="", stack="", rate=0.0, outage_s=0.0, **nothing,
        problem=f"{name} cannot be read",
    )  # fmt: skip


def _head(folder: RunFolder) -> Head:
    facts, report = RunFacts.read(folder), read_report(folder)
    breaks = facts.scenario == "lost-event"
    phantom = facts.scenario == "phantom-event"
    key, doubt = ("phantom_events", "suspected_phantom") if phantom else ("lost_events", "suspected_lost")
    judged: dict[str, Any] = {"verdict": None, "lost": None, "suspected": None, "exit_code": None}
    if report is not None:
        judged = {
            "verdict": report.verdict,
            "lost": report.counts[key],
            "suspected": report.counts[doubt],
            "exit_code": report.exit_code,
        }
    return Head(
        run_id=facts.run_id,
        started_at=facts.started_at,
        scenario=facts.scenario,
        stack=facts.stack,
        variant=facts.service_variant,
        fault=facts.fault.of(facts.fault_target) if breaks else None,
        rate=facts.rate,
        outage_s=facts.outage_s if breaks else 0.0,
        **judged,
    )


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
