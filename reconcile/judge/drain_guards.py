"""Evidence guards on the end of a run: did the drain wait long enough for an absence to prove anything?"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.publish_horizon import Horizon, Source, horizon_of
from reconcile.analysis.counts import Suspicion
from reconcile.analysis.plural import some
from reconcile.history.joins import Floats
from reconcile.judge.findings import EVENTS_IN_DOUBT, Findings, Guard, GuardKind, evidence, not_applicable
from reconcile.judge.publish_silence import NOTHING, lacking, silence_of
from reconcile.judge.ruling import Extent
from runlog import marks as m

# Before the run has settled an event may still come, and so may the row of an event that was published first.
NOT_SETTLED: Final = Suspicion(lost_events=True, phantom_events=True)


def drain_complete(findings: Findings) -> Guard:
    """The run waited until no further row or event came."""
    name = "drain complete"
    detail = findings.detail_of(m.DRAINED)
    if detail is None:
        return evidence(name, False, "the run ended before its drain was over", NOT_SETTLED)
    if not detail.get("complete"):
        return _cut_short(name, findings, detail.get("missing") or ())
    repeated = detail.get("repeated_id")
    if repeated and findings.table.lost.any():
        text = (
            f"the drain's canary order was answered with the id of an older order, {repeated}: whether the service "
            "processed it is unknown"
        )
        return evidence(name, False, text, NOT_SETTLED)
    settle = findings.history.facts.settle_s
    return evidence(name, True, f"no row or event came for the settle time of {settle:g} s", NOT_SETTLED)


def _cut_short(name: str, findings: Findings, missing: tuple[str, ...]) -> Guard:
    silence = silence_of(findings)
    if silence.proven:
        since = some(silence.acknowledged, "order")
        text = f"{NOTHING}: no event of {since} acknowledged since then, and none of the drain's canary order"
        return evidence(name, True, text, NOT_SETTLED)
    what = " and for ".join(str(text) for text in missing)
    cut = "the drain was cut short" + (
        f" while waiting for {what}" if what else "; the run did not record what it was waiting for"
    )
    if silence.seems:
        cut += (
            f"; {some(silence.acknowledged, 'order')} acknowledged since the outage, none with an event; it is not "
            f"proven that the service publishes nothing any more: {lacking(silence)}"
        )
    return evidence(name, False, cut, NOT_SETTLED)


@dataclass(frozen=True, slots=True)
class Waited:
    """How long the topic was read after the last moment from which an event could still come.

    Attributes:
        horizon: how long that must be.
        seconds: how long it was; None if the topic was not read.
        since: that moment, in words.
    """

    horizon: Horizon
    seconds: float | None
    since: str

    @property
    def enough(self) -> bool:
        """Whether the horizon has passed."""
        return self.seconds is not None and self.seconds >= self.horizon.seconds


def publish_horizon_passed(findings: Findings) -> Guard:
    """The topic was read past the publisher's retry horizon: an event that is missing then does not come any more."""
    name = "publish horizon passed"
    if not findings.table.lost.any():
        return not_applicable(name, GuardKind.EVIDENCE, "no event is missing")
    waited = waited_of(findings)
    words = waited.horizon.words
    if not findings.outages and not waited.horizon.known:
        return evidence(name, True, "no outage made the publisher wait between attempts", EVENTS_IN_DOUBT)
    if waited.seconds is None:
        return evidence(name, False, "unknown: the topic was not read", EVENTS_IN_DOUBT)
    if waited.horizon.source is Source.BACKLOG:
        empty = bool((findings.detail_of(m.DRAINED) or {}).get("complete"))
        text = f"the service's backlog was {'' if empty else 'not '}observed empty before the topic was read"
        return evidence(name, empty, text, EVENTS_IN_DOUBT)
    if not waited.enough:
        # Rounded down, so that it is never shown as equal to the horizon.
        read = f"the topic was read {_seconds(math.floor(10 * waited.seconds) / 10)} after {waited.since}"
        known = "" if waited.horizon.known else ", give --publish-horizon if it is known"
        remedy = f"give a longer --drain-timeout{known}, or use --look-again later"
        return evidence(name, False, f"{read}, the publish horizon is {words}; {remedy}", EVENTS_IN_DOUBT)
    read = f"the topic was read {_seconds(waited.seconds)} after {waited.since}"
    return evidence(name, True, f"{read}, past the publish horizon of {words}", EVENTS_IN_DOUBT)


def waited_of(findings: Findings) -> Waited:
    """Return how long the topic was read past the last moment from which an event could still come.

    For a known horizon that is the return of the target or the last answer. For an unknown one it is the return or the
    last late arrival, which shows that waiting events were still being published.
    """
    history = findings.history
    ended = [(o.begin, o.end) for o in findings.outages if math.isfinite(o.end)]
    horizon = horizon_of(history.facts.publisher, ended)
    begins = [(end, findings.fault.return_of(findings.target)) for _, end in ended]
    if horizon.known:
        begins += [(at, "the last answer") for at in [_last_answer(findings)] if at is not None]
    else:
        begins += [(at, "the last late arrival") for at in [_last_arrival(findings)] if at is not None]
    read_at = history.events.read_at
    if read_at is None:
        return Waited(horizon, None, "")
    since, words = max(begins, default=(history.facts.started_at, "the start of the run"))
    return Waited(horizon, max(0.0, read_at - since), words)


def extent_of(findings: Findings) -> Extent:
    """Return the extent of the verdict: until when events were looked for, how late they came, the scope."""
    late_by = findings.late.delays()["max_s"]
    return Extent(
        missing=_missing(findings),
        late="" if late_by is None else f" by up to {_seconds(late_by)}",
        scope=_scope(findings) if findings.outages else "",
    )


def _missing(findings: Findings) -> str:
    read_at, healed = findings.history.events.read_at, findings.outages[-1].healed if findings.outages else None
    silent = f": {NOTHING}" if silence_of(findings).proven else ""
    if read_at is None:
        return silent
    begin, since = healed, findings.fault.return_of(findings.target)
    if begin is None:
        begin, since = _last_answer(findings), "the last answer"
    if begin is None:
        return silent
    return f"{silent} (topic read until {_seconds(max(0.0, read_at - begin))} after {since})"


def _scope(findings: Findings) -> str:
    restart = "" if findings.target == "service" else "a restart of the service in between"
    beyond = list(filter(None, [findings.fault.effect.stronger, "longer outages", restart]))
    words = " or ".join(filter(None, [", ".join(beyond[:-1]), beyond[-1]]))
    return f"; this says nothing about {words}"


def _last_answer(findings: Findings) -> float | None:
    table = findings.table
    limit = findings.history.facts.request_timeout_s
    # The service may have worked on a request without an answer until it timed out.
    return _latest(np.where(np.isnan(table.completed), table.sent + limit, table.completed))


def _last_arrival(findings: Findings) -> float | None:
    """Return when an event of an order from before the target's return last came; None if unknown.

    If the monitor did not observe a partition, only the end of the reading bounds an arrival, so none is known.
    """
    late, read_at = findings.late, findings.history.events.read_at
    seen = late.undecided & (late.not_after < (np.inf if read_at is None else read_at))
    return _latest(late.not_after[late.late | seen])


def _latest(times: Floats) -> float | None:
    known = times[~np.isnan(times)]
    return float(known.max()) if len(known) else None


def _seconds(value: float) -> str:
    return f"{value:.1f} s"
