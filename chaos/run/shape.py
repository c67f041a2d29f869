"""The load test shape: Locust's view of a run. It reads the conductor's phase and does nothing else.

There are users while orders fall due and none in any other phase; when the run is over the shape ends. A tick must
never raise or block: an exception would end a headless run, or leave a web run without a shape.
"""

import logging
from abc import abstractmethod
from typing import Final

from locust import LoadTestShape

from chaos.run.conductor import Conductor

log = logging.getLogger("chaos")

# The users share one schedule, so their number does not change the rate: see `load.load_session`.
USERS: Final = 10


class ChaosShape(LoadTestShape):
    """Follows the phases of one run; `locustfile.py` implements `begin`.

    `-u`, `-r` and `-t` make no sense with it and are refused elsewhere.

    Attributes:
        users: Locust's users while orders fall due.
    """

    abstract = True
    users: int = USERS
    use_common_options = False

    def __init__(self) -> None:
        super().__init__()
        self._fresh = True
        self._conductor: Conductor | None = None

    @abstractmethod
    def begin(self) -> Conductor | None:
        """Start a run and return its conductor, None when it cannot start."""

    def reset_time(self) -> None:
        """Let the next tick begin a new run; Locust calls this when it starts the shape."""
        super().reset_time()
        self._fresh = True

    def tick(self) -> tuple[int, float] | None:
        """Return (users, spawn rate) of the phase that the run is in, None once it is over."""
        if self._fresh:
            self._fresh = False
            try:
                self._conductor = self.begin()
            except Exception:
                log.exception("the run could not begin")
                self._conductor = None
        conductor = self._conductor
        if conductor is None or conductor.finished.is_set():
            return None
        return (self.users if conductor.phase.under_load else 0, float(self.users))
