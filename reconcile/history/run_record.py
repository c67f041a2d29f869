"""Reads what the harness recorded during a run; each problem becomes one sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from files.paths import reason
from files.safe_files import OtherFormat
from health.replies import ProbeResult
from reconcile.history.history import EventsWitness, History, RowsWitness
from reconcile.history.service_log import LogLine, read_service_log
from runlog import marks as m
from runlog.facts import RunFacts
from runlog.folder import RunFolder
from runlog.ledger import Ledger, read_ledger
from runlog.marks import Mark, read_marks
from runlog.offsets import Observation, read_observations
from runlog.order_id_texts import ORDER_ID_TEXTS, read_order_id_texts
from runlog.probe_results import read_probe_results

# Times of a run lie between its start and its longest possible length (its phases are hours at most).
_EARLIEST_S: Final = -60.0
_LATEST_S: Final = 8 * 24 * 3600.0
_Part = TypeVar("_Part")


class RecordProblem(Exception):
    """A file of the run is missing or damaged; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the harness recorded during a run."""

    facts: RunFacts
    ledger: Ledger
    marks: list[Mark]
    observations: list[Observation]
    probe_results: list[ProbeResult]
    service_log: dict[str, LogLine]
    names: dict[bytes, str]

    def with_witnesses(self, rows: RowsWitness, events: EventsWitness) -> History:
        return History(
            self.facts,
            self.ledger,
            self.marks,
            self.observations,
            self.probe_results,
            rows,
            events,
            self.service_log,
            names=self.names,
        )


def read_record(folder: RunFolder) -> Record:
    """Read what the harness recorded.

    Raises:
        RecordProblem: a file is missing or damaged, or belongs to another run.
    """
    facts = _read(folder, folder.facts.name, lambda: RunFacts.read(folder))
    ledger = _read(folder, folder.ledger.name, lambda: read_ledger(folder.ledger))
    marks = _read(folder, folder.marks.name, lambda: read_marks(folder.marks))
    seen = _read(folder, folder.offsets.name, lambda: read_observations(folder.offsets))
    probe_results = _read(folder, folder.probes.name, lambda: read_probe_results(folder.probes))
    _same_run(folder, folder.ledger.name, str(facts.run_key), str(ledger.run_key))
    if marks:
        key = marks[0].detail.get("run") if marks[0].name == m.STARTED else None
        _same_run(folder, folder.marks.name, str(facts.run_key), key)
    _same_time(folder, folder.ledger.name, facts, _ledger_times(ledger))
    edges = [at for mark in marks for key in ("down_edge", "up_edge") for at in mark.detail.get(key) or ()]
    _same_time(folder, folder.marks.name, facts, [mark.at for mark in marks] + edges)
    _same_time(folder, folder.offsets.name, facts, [at for one in seen for at in (one.asked, one.answered)])
    _same_time(folder, folder.probes.name, facts, [at for one in probe_results for at in (one.asked, one.answered)])
    names = _read(folder, ORDER_ID_TEXTS, lambda: read_order_id_texts(folder.path))
    return Record(facts, ledger, marks, seen, probe_results, read_service_log(folder.logs), names)


def _read(folder: RunFolder, name: str, read: Callable[[], _Part]) -> _Part:
    try:
        return read()
    except FileNotFoundError:
        raise RecordProblem(f"run {folder.run_id} has no {name}: it ended before it began, or is incomplete") from None
    except OSError as error:
        raise RecordProblem(f"{name} of run {folder.run_id} cannot be read: {reason(error)}") from None
    except OtherFormat as other:
        raise RecordProblem(f"{name} of run {folder.run_id} {other}") from None
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:160]
        raise RecordProblem(f"{name} of run {folder.run_id} is damaged: {words}") from None


def _same_run(folder: RunFolder, name: str, expected: str, key: str | None) -> None:
    if key != expected:
        whose = f"belongs to the run with the key {key}" if key else "does not begin with the key of its run"
        raise RecordProblem(f"{name} of run {folder.run_id} {whose}, but run.json has the key {expected}")


def _ledger_times(ledger: Ledger) -> list[float]:
    known = [ledger.attempts[name][ledger.attempts[name] != 0] for name in ("due", "sent", "completed")]
    return [float(bound) for times in known if len(times) for bound in (times.min(), times.max())]


def _same_time(folder: RunFolder, name: str, facts: RunFacts, times: list[float]) -> None:
    wrong = [at - facts.started_at for at in times if not _EARLIEST_S <= at - facts.started_at <= _LATEST_S]
    if wrong:
        raise RecordProblem(
            f"{name} of run {folder.run_id} is damaged or of another run: it holds a time {abs(wrong[0]):.0f} s "
            f"{'before' if wrong[0] < 0 else 'after'} the start of the run"
        )
