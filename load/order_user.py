"""The Locust user that creates orders: one of several senders that share the schedule of the run's session."""

from typing import Any

from locust import User, constant, task

from load.load_session import LoadSession
from load.recorded_load import IDLE_S


class OrderUser(User):
    """Takes the next order, waits until it falls due, and sends it without waiting for the answer.

    The number of these users does not change the offered rate. `locustfile.py` sets the session; without one the user
    idles.
    """

    abstract = True
    wait_time = constant(0)
    session: LoadSession | None = None

    @task
    def send_next_order(self) -> None:
        """Send the next order of the run's session."""
        import gevent

        session: Any = type(self).session
        if session is None:
            gevent.sleep(IDLE_S)
        else:
            session.send_next()
