"""Evidence guard of the broker itself: did it keep the records that it had acknowledged? Pure."""

from typing import Final

from reconcile.history.run_options import option_of
from reconcile.judge.findings import EVENTS_IN_DOUBT, Findings, Guard, GuardKind, evidence, not_applicable
from settings.external import ExternalSettings

_VOUCH: Final = "if you know that the broker keeps what it acknowledges, give --vouch-topic-intact"


def broker_keeps_acknowledged(findings: Findings) -> Guard:
    """A killed broker still has every record that it had acknowledged: otherwise its loss looks like the service's.

    Redpanda with write caching acknowledges records that it holds in memory only; up to 100 ms of them do not survive
    SIGKILL (its docs, `raft_replica_max_flush_delay_ms`). Apache Kafka hands each record to the kernel first.
    """
    name, facts = "broker keeps what it acknowledged", findings.history.facts
    command = bool(option_of(facts, ExternalSettings.break_command))
    if not findings.wants_outage or findings.target != "broker" or not (facts.fault.drops_unflushed or command):
        return not_applicable(name, GuardKind.EVIDENCE, "the broker was not killed")
    doubt = _write_caching_doubt(findings)
    return evidence(name, doubt is None, doubt or _why_kept(findings), EVENTS_IN_DOUBT)


def _write_caching_doubt(findings: Findings) -> str | None:
    """Return why the broker may have lost an event that seems lost; None when it has not."""
    facts, events = findings.history.facts, findings.history.events
    topic, killed = facts.topic.name, facts.fault.drops_unflushed
    if not findings.table.lost.any() or events.write_caching is False or _vouched(findings):
        return None
    lost = "a record that the broker had acknowledged, so the broker itself may have lost a missing event"
    if events.write_caching:
        off = f"turn it off with 'rpk topic alter-config {topic} --set write.caching=false'"
        if killed:
            return f"topic {topic} has write caching, with which a kill may lose {lost}; {off}"
        return f"topic {topic} has write caching: a break command that kills may lose {lost}; {off}; {_VOUCH}"
    if not killed:
        return None
    why = events.settings_problem or "its settings were not read"
    return f"unknown whether topic {topic} has write caching, with which a kill may lose {lost}: {why}; {_VOUCH}"


def _why_kept(findings: Findings) -> str:
    facts, events = findings.history.facts, findings.history.events
    if events.write_caching is False:
        return f"topic {facts.topic.name} has no write caching"
    if not findings.table.lost.any():
        return "no event seems lost"
    if _vouched(findings):
        return "--vouch-topic-intact says so"
    return "unknown whether the topic has write caching, but the fault is no kill"


def _vouched(findings: Findings) -> bool:
    """Whether the user vouches for it, and no observation contradicts that."""
    known = bool(findings.history.events.write_caching) and findings.history.facts.fault.drops_unflushed
    return findings.vouched and not known
