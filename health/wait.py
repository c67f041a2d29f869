"""Waits until a target is proven back: by the probers and the rule by which a run's monitor proves it."""

import time
from collections.abc import Callable
from typing import Final

from health.effect import DOWN, Effect
from health.patience import Patience
from health.probers import open_probers
from health.replies import ANSWERED, CONNECTIONS, KEPT, NEW, Connection, ProbeResult, Reply
from health.spec import ProbeSpec
from health.state import Edge, not_back, prove_back

QUESTION_S: Final = 1.0
PAUSE_S: Final = 0.1
# That a share of resets is over is counted on many new connections.
SHORT_PAUSE_S: Final = 0.02


def await_served(
    spec: ProbeSpec, timeout_s: float, now: Callable[[], float] = time.time, effect: Effect = DOWN
) -> tuple[Edge | None, str]:
    """Ask until the target is proven back on both connections, at most about `timeout_s` seconds. Blocks.

    Args:
        timeout_s: longest wait.
        now: epoch seconds of the clock for the edge.
        effect: that must be over, with the usual time of an answer.

    Returns:
        The edge at which it was back ([last probe with the effect, first without], epoch seconds), None if that was not
        proven; and what was seen last, in words without secrets.
    """
    try:
        probers = open_probers(spec)
    except ValueError as error:
        return None, str(error)
    patience = Patience()
    began, deadline = now(), time.monotonic() + timeout_s
    seen: dict[Connection, list[ProbeResult]] = {connection: [] for connection in CONNECTIONS}
    reply = Reply(ANSWERED)
    try:
        while True:
            for connection, prober in ((NEW, probers.new), (KEPT, probers.kept)):
                asked, limit = now(), min(patience.limit(QUESTION_S), deadline - time.monotonic())
                reply = prober.ask(max(PAUSE_S, limit))
                answered = now()
                patience.note(connection, answered - asked, reply.how)
                seen[connection].append(ProbeResult(asked, answered, connection, reply.how, reply.detail))
            if proof := prove_back(effect, seen, began):
                return proof.edge, reply.detail or "it answers"
            if time.monotonic() >= deadline:
                return None, "; ".join(not_back(effect, seen, began))
            time.sleep(SHORT_PAUSE_S if effect.is_partial else PAUSE_S)
    finally:
        probers.close()
