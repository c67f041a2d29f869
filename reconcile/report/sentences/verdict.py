"""The verdict, the expectation, and which outages the verdict covers."""

from typing import Final

from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences.registry import sentence
from settings.duration import format_duration

ATTRIBUTIONS: Final = {
    "tagged": "tagged: each order's customer id names the run and the attempt",
    "exclusive": "exclusive: all rows and events since the start; the run assumes that no one else writes",
    "acknowledged-only": "acknowledged-only: the ids that answers returned; other attempts stay unresolved",
}
_WITHOUT_OUTAGE: Final = frozenset({"control", "phantom-event"})


@sentence("verdict", "the ruling")
def verdict(history: History, judgement: Judgement) -> str:
    """The verdict and the run's id."""
    return f"{judgement.ruling.verdict.value.upper()}  run {history.facts.run_id}"


@sentence("reason", "violations, guards and marks; built by `reconcile.judge.ruling`")
def reason(history: History, judgement: Judgement) -> str:
    return judgement.ruling.reason


@sentence("expectation", "--expect and its source, the verdict, the exit code")
def expectation(history: History, judgement: Judgement) -> str:
    """What was expected, whether it was met, and the exit code."""
    facts, ruling = history.facts, judgement.ruling
    met = {True: "met", False: "not met", None: "undecided"}[ruling.met]
    return f"expected: {facts.expect} (from {facts.expect_source}), {met}; exit code {ruling.exit_code}"


@sentence("exit code raised", "marks `listener`")
def exit_code_raised(history: History, judgement: Judgement) -> str:
    """Which listeners of Locust raised the exit code, one a line; empty without one."""
    return "\n".join(f"exit code raised by a listener: {each}" for each in judgement.ruling.raised_by)


@sentence("attribution", "--attribution")
def attribution(history: History, judgement: Judgement) -> str:
    """How rows and events are attributed to the run."""
    return ATTRIBUTIONS[history.facts.attribution]


@sentence("scope", "marks of the outages, scenario, the producer's delivery timeout where it is known")
def scope(history: History, judgement: Judgement) -> str:
    """Which outages the verdict covers, compared with the producer's delivery timeout."""
    facts = history.facts
    if facts.scenario in _WITHOUT_OUTAGE:
        return "the verdict covers a run without an outage"
    lengths = [outage.healing - outage.injected for outage in judgement.outages if outage.injected and outage.healing]
    if not lengths:
        return f"the verdict covers no outage: none was proven {facts.fault.state} until healing began"
    which = (
        f"an outage of {_length(lengths[0])}"
        if len(lengths) == 1
        else (f"{len(lengths)} outages of {_length(min(lengths))} to {_length(max(lengths))}")
    )
    if judgement.ruling.verdict is Verdict.INCONCLUSIVE:
        return f"nothing is proven of {which} ({facts.fault.of(facts.fault_target)})"
    stronger = f" or {facts.fault.effect.stronger}" if facts.fault.effect.stronger else ""
    how = f"{facts.fault.of(facts.fault_target)}; from its proof to the start of healing"
    said = f"the verdict covers {which} ({how}), not longer ones{stronger}"
    if facts.fault_target != "broker" or facts.service_variant == "outbox" or facts.contract.table.outbox:
        return said
    return f"{said}; {_compared(facts.delivery_timeout_s, max(lengths))}"


def _compared(limit: float | None, longest: float) -> str:
    """Return how the producer's delivery timeout compares with the longest outage, both in seconds."""
    if limit is None:
        return "the producer's delivery timeout is unknown (--delivery-timeout states it)"
    if longest <= limit:
        return f"a producer that retries for {format_duration(limit)} can outlast it"
    return f"the producer's delivery timeout is {format_duration(limit)}"


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s"
