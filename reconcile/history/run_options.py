"""Options of a recorded run, read by the entries that declare them."""

from typing import TypeVar

from reconcile.history.run_record import RecordProblem
from runlog.facts import RunFacts
from settings.errors import SettingsError
from settings.option import Option

T = TypeVar("T")


def option_of(facts: RunFacts, option: Option[T]) -> T:
    """Return the value of an option of the run. A value that follows from other options is a fact of its own.

    Raises:
        RecordProblem: `run.json` holds a text that means none.
    """
    try:
        return option.parse(option.text(facts.options))
    except SettingsError as error:
        raise RecordProblem(f"run.json of run {facts.run_id} is damaged: {error}") from None
