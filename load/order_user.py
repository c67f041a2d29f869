"""The Locust user that creates orders: a sender of the run's session, one of several that share its schedule."""

from typing import Any

from locust import User, constant, task

from load.load_session import IDLE_S, LoadSession


class OrderUser(User):
    """Takes the next order that falls due, waits for its moment, and sends it without waiting for the answer.

    The number of these users does not change the offered rate. The session is set by the one who wires the run; without
    one the user idles.
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
