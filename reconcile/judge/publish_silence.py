"""Publish silence: the service publishes nothing any more after the outage. A finding if proven, else a doubt. Pure.

It is proven when the orders acknowledged since then, and the drain's canary order, have no event by the contract,
although the producer had the time that it needs, each partition has a leader and no transaction is open.
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
class PublishSilence:
    """The evidence that the service publishes nothing any more. Times in epoch seconds, durations in seconds.

    Attributes:
        since: when the target was proven back for the last time; None: never, or no fault was injected.
        acknowledged: orders that were sent and acknowledged after that.
        delivered: how many of them have an event.
        named: how many of them have no event, but a record that might be it names them.
        last_at: when the last of them, or the drain's canary order, was acknowledged; None without one.
        canary: the drain's canary order was stored and has no event.
        led: each partition had a leader then; None: unknown.
        open_transaction: a transaction was open then; None: unknown.
        delivery_s: the producer's delivery timeout; None: unknown.
        read_at: when the end of the topic was taken; None: never.
    """

    since: float | None
    acknowledged: int
    delivered: int
    named: int
    last_at: float | None
    canary: bool
    led: bool | None
    open_transaction: bool | None
    delivery_s: float | None
    settle_s: float
    read_at: float | None

    @property
    def seems(self) -> bool:
        """Whether orders were acknowledged since the outage, and none of them has an event."""
        return self.acknowledged > 0 and not self.delivered

    @property
    def proven(self) -> bool:
        """Whether the service publishes nothing any more."""
        return lacking(self) is None


def lacking(silence: PublishSilence) -> str | None:
    """Return what the proof of a silence lacks, in one sentence; None: it is proven."""
    return next(_gaps(silence), None)


def _gaps(silence: PublishSilence) -> Iterator[str]:
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
    if not silence.canary:
        yield "the drain has no canary order that was stored and got no event"
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


def silence_of(findings: Findings) -> PublishSilence:
    history, table = findings.history, findings.table
    healed = [outage.healed for outage in findings.outages]
    since = max((at for at in healed if at is not None), default=None) if None not in healed else None
    drained = findings.detail_of(m.DRAINED) or {}
    seen = drained.get("silence") or {}
    # At most one order may be missing: anything else that is missing might hold the events back.
    alone = len(drained.get("missing") or ()) == 1
    after = table.had(Outcome.ACKNOWLEDGED) & (table.sent >= (np.inf if since is None else since))
    last = [float(at) for at in table.completed[after] if not np.isnan(at)]
    if "answered_at" in seen:
        last.append(float(seen["answered_at"]))
    return PublishSilence(
        since=since,
        acknowledged=int(after.sum()),
        delivered=int((after & table.event).sum()),
        named=int((after & table.disputed).sum()),
        last_at=max(last, default=None),
        canary=bool(seen) and alone,
        led=seen.get("led"),
        open_transaction=seen.get("open_transaction"),
        delivery_s=history.facts.delivery_timeout_s,
        settle_s=history.facts.settle_s,
        read_at=history.events.read_at,
    )


def silent_since(findings: Findings) -> float | None:
    """Return since when the service is proven to publish nothing, epoch seconds; None if that is not proven."""
    silence = silence_of(findings)
    return silence.since if silence.proven else None
