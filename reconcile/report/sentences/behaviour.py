"""How the service answered the orders that were sent in an outage."""

from typing import Any, Final

from reconcile.analysis.behaviour import Behaviour
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.outages import as_outages
from reconcile.report.sentences.registry import sentence
from settings.duration import format_duration

_WORDS: Final = {
    Behaviour.SILENT_201: ("silent 201", "acknowledged, event lost"),
    Behaviour.SUSPECTED: ("suspected", "acknowledged, event suspected lost"),
    Behaviour.DISPUTED: ("disputed", "acknowledged, a record might be its event"),
    Behaviour.ERROR: ("error", ""),
    Behaviour.HANG: ("hang", ""),
    Behaviour.KEPT: ("kept", "acknowledged, with row and event"),
    Behaviour.PENDING: ("pending", "acknowledged, event still in the backlog"),
    Behaviour.LOST_ORDER: ("lost order", "acknowledged, no row"),
    Behaviour.SHARED_ID: ("shared id", "acknowledged with the id of another order"),
    Behaviour.BROKEN: ("no usable answer", ""),
}


@sentence("behaviour", "marks `injecting` and `healed`")
def heading(history: History, judgement: Judgement) -> str:
    """Which orders the table of behaviours counts; empty without an outage."""
    if not judgement.outages:
        return ""
    return f"sent in {as_outages(judgement.outages, history.facts.fault)}"


def rows(history: History, judgement: Judgement) -> list[tuple[str, dict[str, Any]]]:
    """Return the label of each kind that has orders, with its count and latencies."""
    parts = [(kind, judgement.behaviour[kind.value]) for kind in Behaviour]
    return [(_label(kind, one, history, judgement), one) for kind, one in parts if one["count"]]


@sentence("behaviour in words", "outcomes, HTTP statuses and failures of the ledger; rows and events")
def kinds(history: History, judgement: Judgement) -> str:
    """The kinds of behaviour with their counts, in one line."""
    return ", ".join(f"{one['count']} {label}" for label, one in rows(history, judgement))


def _label(kind: Behaviour, one: dict[str, Any], history: History, judgement: Judgement) -> str:
    name, words = _WORDS[kind]
    if kind is Behaviour.SILENT_201 and one["http_statuses"]:
        # Another service may acknowledge with 200 or 202.
        codes = list(one["http_statuses"])
        name = f"silent {codes[0]}" if len(codes) == 1 else "silent 2xx"
    if kind is Behaviour.LOST_ORDER and judgement.counts["suspected_lost_orders"]:
        words = "acknowledged, no row found"
    if kind is Behaviour.HANG:
        words = f"no answer within {format_duration(history.facts.request_timeout_s)}"
    if kind is Behaviour.ERROR:
        words = "HTTP " + _tally(one["http_statuses"])
    if kind is Behaviour.BROKEN:
        words = _tally(one["failures"])
    return f"{name} ({words})" if words else name


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())
