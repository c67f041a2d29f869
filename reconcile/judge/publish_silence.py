"""A service that publishes nothing any more after the outage: a finding when proven, else a doubt with its remedy.

Orders acknowledged since then, and the drain's canary order, have no event by the contract, although the producer
had the time that it needs, each partition has a leader and no transaction is open. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.publish_horizon import JAVA_DELIVERY_S
from reconcile.analysis.plural import some
from reconcile.judge.findings import Findings
from runlog import marks as m
from runlog.outcomes import Outcome
from settings.duration import format_duration

NOTHING: Final = "the service has published nothing since the outage"


@dataclass(frozen=True, slots=True)
class Silence:
    """What speaks for a service that publishes nothing any more. Times in epoch seconds, durations in seconds.

    Attributes:
        since: when the target was proven back for the last time; None: never, or nothing was broken.
        acknowledged: orders that were sent and acknowledged after that.
        delivered: how many of them have an event.
        named: how many of them are without one, and a record that might be their event names them.
        last_at: when the last of them was acknowledged, or the drain's canary order; None without one.
        own_order: the drain's canary order was stored and has no event.
        led: each partition had a leader then; None: not known.
        open_transaction: a transaction was open then; None: not known.
        delivery_s: the producer's delivery timeout; None: unknown.
        settle_s: the settle time.
        read_at: when the end of the topic was taken; None: never.
    """

    since: float | None
    acknowledged: int
    delivered: int
    named: int
    last_at: float | None
    own_order: bool
    led: bool | None
    open_transaction: bool | None
    delivery_s: float | None
    settle_s: float
    read_at: float | None

    @property
    def seems(self) -> bool:
        """Whether nothing that was acknowledged since the outage has an event, and something was."""
        return self.acknowledged > 0 and not self.delivered

    @property
    def proven(self) -> bool:
        """Whether the service publishes nothing any more."""
        return lacking(self) is None


def lacking(silence: Silence) -> str | None:
    """Return what the proof of a silence lacks, in words for a person; None: it is proven."""
    return next(_gaps(silence), None)


def _gaps(silence: Silence) -> Iterator[str]:
    if silence.since is None:
        yield "no outage was proven to be over"
    if not silence.acknowledged:
        yield "no order was acknowledged after the outage"
    if silence.delivered:
        yield f"it published {some(silence.delivered, 'event')} of orders acknowledged after the outage"
    if silence.named:
        yield f"records that do not count name {some(silence.named, 'order')} acknowledged after the outage"
    if silence.delivery_s is None:
        yield f"--delivery-timeout is not given (Java's default is {JAVA_DELIVERY_S:g} s)"
    if not silence.own_order:
        yield "the drain placed no order of its own that was stored and stayed without an event"
    if silence.led is not True:
        yield "not every partition is known to have had a leader"
    if silence.open_transaction is not False:
        yield "a transaction may have been open"
    if silence.read_at is None or silence.last_at is None:
        yield "the topic was not read"
    elif silence.delivery_s is not None:
        wanted, passed = silence.delivery_s + silence.settle_s, max(0.0, silence.read_at - silence.last_at)
        if passed < wanted:
            yield (
                f"the topic was read {format_duration(passed)} after the last of them, less than delivery timeout and "
                f"settle time, {format_duration(wanted)}"
            )


def silence_of(findings: Findings) -> Silence:
    """Return what the history says of a silence of the service."""
    history, table = findings.history, findings.table
    healed = [outage.healed for outage in findings.outages]
    since = max((at for at in healed if at is not None), default=None) if None not in healed else None
    drained = [mark for mark in history.marks if mark.name == m.DRAINED]
    seen = (drained[-1].detail.get("silence") if drained else None) or {}
    # One order is awaited at most: whatever else is missing may be what holds the events back.
    alone = bool(drained) and len(drained[-1].detail.get("missing") or ()) == 1
    after = table.had(Outcome.ACKNOWLEDGED) & (table.sent >= (np.inf if since is None else since))
    last = [float(at) for at in table.completed[after] if not np.isnan(at)]
    if "answered_at" in seen:
        last.append(float(seen["answered_at"]))
    return Silence(
        since=since,
        acknowledged=int(after.sum()),
        delivered=int((after & table.event).sum()),
        named=int((after & table.disputed).sum()),
        last_at=max(last, default=None),
        own_order=bool(seen) and alone,
        led=seen.get("led"),
        open_transaction=seen.get("open_transaction"),
        delivery_s=history.facts.delivery_timeout_s,
        settle_s=history.facts.settle_s,
        read_at=history.events.read_at,
    )


def silent_since(findings: Findings) -> float | None:
    """Return since when the service is proven to publish nothing, epoch seconds; None where that is not proven."""
    silence = silence_of(findings)
    return silence.since if silence.proven else None
