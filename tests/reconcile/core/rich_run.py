"""A run with one order of each kind."""

from reconcile.history.history import History
from reconcile.judge.judge import Judgement, judge
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder


def rich_run() -> tuple[History, Judgement]:
    """One order of each kind."""
    builder = RunBuilder().calm()
    builder.order(3, 11, event=False).order(1, 12, event=False).order(2, 12, event=False)
    builder.order(4, 12, Outcome.AMBIGUOUS, row=False).order(5, 12, row=False, event=False)
    builder.order(6, 14, Outcome.REJECTED).order(7, 14, Outcome.AMBIGUOUS, appended=20.85)
    builder.order(8, 14, Outcome.AMBIGUOUS, row=False, event=False)
    builder.order(9, 14, appended=25).published(9, 9, 26).published(9, 9, 27, event=900)
    history = builder.history()
    return history, judge(history)
