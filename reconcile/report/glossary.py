"""The words of summary and reports, for the reader of a report. `docs/glossary.md` is what `page` returns."""

from typing import Final

GLOSSARY: Final = {
    "dual write": "A service saves to its database and publishes to Kafka, and nothing makes the two atomic: one can "
    "succeed while the other fails.",
    "witness": "One of three independent records of an order: the ack (the answer that the HTTP client saw), the row "
    "(PostgreSQL), the event (Kafka).",
    "acknowledged": "The service answered 2xx with an order id.",
    "rejected": "The service answered 4xx: the order was certainly not created.",
    "ambiguous": "The client cannot know whether the order exists: a timeout, a cut connection, a 5xx.",
    "unresolved": "An ambiguous order of which neither row nor event was found.",
    "provoked": "The order was rolled back after its event was published, as the scenario phantom-event asks for.",
    "extra, unrecorded": "Orders of the run that no attempt explains: one more than was sent, or one that the ledger "
    "does not hold.",
    "ledger": "The harness's own list of every order that it tried to create: when it fell due, when it was sent, how"
    " it was answered. Each entry is on disk before its request goes out.",
    "lost event": "The event of a row that no record of the topic contains. A lost order is an acknowledged order "
    "without a row.",
    "phantom event": "An event of an order that has no row.",
    "canary order": "An order that the harness places for its own checks and follows to its row and event; it is in "
    "no count. Guards call the one of preflight the check order.",
    "late event": "Its order was sent before the target was back, and the event was appended after that. Late is not "
    "lost. Undecided: it may have been appended before that.",
    "silent 201": "The service acknowledged an order whose event is lost: its client cannot notice.",
    "outage": "The time in which the target of the fault was proven down or, with --fault latency or reset, proven "
    "degraded.",
    "kept connection": "The connection on which the target was probed before the fault, during it and after it. "
    "Others are opened for each probe.",
    "degraded": "Answers come late (latency) or connections are reset (reset), as strongly as asked for. When that is"
    " over, the target is back to normal.",
    "failure window": "The time from the first to the last lost event, by send time. Lead: how long before the outage"
    " it began. Tail: how long after the outage it ended.",
    "settle time": "The time without a new row or event after which the drain ends.",
    "publish horizon": "The longest time after an outage within which the service may still publish an event. Nothing"
    " is called lost before it has passed.",
    "delivery timeout, block time": "How long the service's Kafka client keeps an event that it cannot deliver, and "
    "for how long a publish holds its request while no broker answers.",
    "pending": "The event still waits in a known backlog, such as an outbox table.",
    "disputed": "A record names the order and does not count as its event, but might be it. So the event is not "
    "called lost.",
    "suspected": "The event is missing, but a witness may be incomplete, or the order changed after it was read. So "
    "the event is not called lost.",
    "guard": "A check of whether the result can be trusted. An evidence guard that fails makes losses suspected. A "
    "vacuity guard that fails makes a clean result worthless: a run without an outage proves nothing.",
    "second look": "Each violation is looked up again, by other code, before it is reported.",
    "verdict": "Consistent: every guard passed and no violation is proven. Inconsistent: a violation is proven. "
    "Inconclusive: neither.",
}
"""Each word with its meaning."""


def page() -> str:
    """Return `docs/glossary.md`."""
    rows = [f"| {word} | {meaning} |" for word, meaning in GLOSSARY.items()]
    head = "The words that the summary and the reports use. [Verdicts](verdicts.md) has the exact rules."
    return "\n".join(["# Glossary", "", head, "", "| word | meaning |", "|---|---|", *rows, ""])
