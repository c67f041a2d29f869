"""Ports of the conductor, as protocols: the load that it drives and the harness that connects the parts of a run.

`chaos` does not import `load` and knows Locust only by its shape; `locustfile.py` passes the implementations in.
"""

import uuid
from typing import Protocol

from chaos.faults.watchdog.client import Watchdog
from chaos.run.recording import Recording
from chaos.sut.sut import SystemUnderTest
from runlog.folder import RunFolder
from runlog.ledger import Phase
from settings.run_settings import Settings


class Counts(Protocol):
    """Running totals of the load: attempts sent, orders acknowledged, attempts answered otherwise or not at all."""

    sent: int
    acknowledged: int
    failed: int


class Load(Protocol):
    """The load as the conductor drives it; see `load.load_session.LoadSession`.

    Attributes:
        phase: in which orders fall due now.
        trouble: why the load cannot go on, None while it can.
        provoked: ids of the orders that the service says it rolled back after their publish.
    """

    phase: Phase
    trouble: str | None
    provoked: list[uuid.UUID]

    @property
    def counts(self) -> Counts:
        """Running totals."""

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""

    def begin(self, at: float) -> None:
        """Start the schedule: order 0 falls due at `at`."""

    def stop(self) -> None:
        """Send nothing until `resume`; orders due meanwhile are recorded as not sent."""

    def resume(self) -> None:
        """Send again."""

    def close(self, at: float) -> None:
        """End the load at `at`."""

    def finish(self, in_order: bool) -> None:
        """Close the ledger."""


class RunHarness(Protocol):
    """The harness of this process as a run sees it, see `chaos.run.harness`."""

    watchdog: Watchdog

    @property
    def watched(self) -> bool:
        """Whether someone may watch the run while it goes on."""

    @property
    def at_terminal(self) -> bool:
        """Whether a terminal shows the present of the run, so that it need not be logged."""

    @property
    def draws(self) -> bool:
        """Whether pictures of it are wanted, for a page."""

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the system under test as `settings` ask."""

    def open_load(self, settings: Settings, sut: SystemUnderTest, recording: Recording) -> Load:
        """Start a load session for Locust's users."""

    def users_running(self) -> bool:
        """Whether Locust's users have started."""

    def statistics(self) -> object:
        """Return Locust's own numbers as a JSON value."""

    def judge(self, folder: RunFolder, sut: SystemUnderTest) -> int | None:
        """Judge the run in a process of its own and return the exit code; None if that was cancelled."""

    def cancel_judging(self) -> None:
        """Stop judging."""


class Interrupted(BaseException):
    """The run must end before its plan is over. A BaseException, so that no `except Exception` catches it."""


class RunFailed(Exception):
    """The run cannot go on; the message is one sentence."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
