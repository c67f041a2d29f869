"""The number of pending events, as the service itself reports it."""

import json
from http.client import OK

from chaos.sut.service_http import ask
from chaos.sut.sut import SystemUnderTest
from health.wire import NoAnswer


class BacklogProblem(Exception):
    """The service does not report its backlog; the message says what it answered instead."""


def pending_events(sut: SystemUnderTest, url: str, timeout_s: float) -> int:
    """Return the number of events that the service has not published yet.

    Args:
        url: answers `{"pending": NUMBER}`.
        timeout_s: longest wait for the answer in seconds.

    Raises:
        BacklogProblem: the answer holds no such number.
    """
    try:
        answer = ask(sut, url, timeout_s)
    except NoAnswer as failed:
        raise BacklogProblem(failed.reply.detail) from None
    if answer.status != OK:
        raise BacklogProblem(f"status {answer.status}")
    try:
        pending = json.loads(answer.body)["pending"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pending = None
    if isinstance(pending, bool) or not isinstance(pending, int) or pending < 0:
        raise BacklogProblem('its answer is not {"pending": NUMBER}')
    return pending
