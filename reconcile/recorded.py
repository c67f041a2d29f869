"""Reads back what the harness wrote down while a run went on; every trouble becomes one sentence."""

from dataclasses import dataclass

from reconcile.history import EventsWitness, History, RowsWitness
from runlog.facts import RunFacts
from runlog.folder import RunFolder, reason
from runlog.ledger import Ledger, read_ledger
from runlog.marks import Mark, read_marks
from runlog.offsets import Observation, read_observations


class RecordProblem(Exception):
    """A file of the run is missing or damaged; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the harness wrote down: facts, ledger, marks, and the observations of the lookout."""

    facts: RunFacts
    ledger: Ledger
    marks: list[Mark]
    observations: list[Observation]

    def with_witnesses(self, rows: RowsWitness, events: EventsWitness) -> History:
        """Return the whole history."""
        return History(self.facts, self.ledger, self.marks, self.observations, rows, events)


def read_record(folder: RunFolder) -> Record:
    """Read what the harness wrote down.

    Raises:
        RecordProblem: a file is missing or damaged. Without `offsets.jsonl` there simply are no observations.
    """
    try:
        return Record(
            facts=RunFacts.read(folder),
            ledger=read_ledger(folder.ledger),
            marks=read_marks(folder.marks),
            observations=read_observations(folder.offsets) if folder.offsets.is_file() else [],
        )
    except FileNotFoundError as error:
        name = str(error.filename).rsplit("/", 1)[-1]
        raise RecordProblem(f"run {folder.run_id} has no {name}: it ended before it began, or is not whole") from None
    except OSError as error:
        raise RecordProblem(f"run {folder.run_id} cannot be read: {reason(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        words = " ".join(str(error).split())[:120]
        raise RecordProblem(f"the records of run {folder.run_id} are damaged: {words}") from None
