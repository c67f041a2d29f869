"""Each sentence of the reports once more, from the raw history: in plain Python, by another way than the judge's.

`RECOMPUTED` has one function for each name in `reconcile.report.sentences.registry`. It returns the texts that must
stand there: one for the run, or one for each outage. What the guards found is given, as data of its own.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from reconcile.judge.ruling import Ruling
from runlog.outcomes import Failure
from tests.reconcile.report import recomputed_gap, recomputed_run
from tests.reconcile.report import recomputed_outages as outages
from tests.reconcile.report.raw_history import Order
from tests.reconcile.report.raw_run import RawRun, some, took
from tests.reconcile.report.recomputed_late import late

NAIVE: Final = "inserts the order, publishes its event, then commits, and ignores a publish that fails"
DUAL: Final = f"The service (variant naive) {NAIVE}; the publish is no part of the database transaction (a dual write)."
OUTBOX: Final = (
    "The service (variant outbox) writes each event to its outbox table in the transaction of the order, and a relay "
    "publishes from there, at least once."
)
UNKNOWN: Final = "The harness does not know how the service publishes."
PATTERN: Final = (
    "Implement the transactional outbox pattern: write the event to an outbox table in the same database transaction "
    "as the order, and let a relay (a poller or change data capture) publish it, at least once."
)

CODE: Final = """\
BEGIN;
INSERT INTO orders (id, ...) VALUES (...);
INSERT INTO outbox (order_id, payload) VALUES (...);
COMMIT;  -- both or neither; only now is the order acknowledged

-- The relay, over and over:
SELECT id, payload FROM outbox
ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED;
-- publish each, wait for the broker's acknowledgement, and only then:
DELETE FROM outbox WHERE id = ANY(...);
"""


def kinds(run: RawRun) -> list[tuple[str, int]]:
    """Violations, then doubts, each with its words."""
    lost, suspected = run.split(run.lost, "lost_events")
    phantoms, phantoms_suspected = run.split(run.phantoms, "phantom_events")
    orders, orders_suspected = run.split(run.lost_orders, "lost_orders")
    return [
        (some(lost, "lost event"), lost),
        (some(phantoms, "phantom event"), phantoms),
        (some(orders, "lost order"), orders),
        (f"{some(len(run.visible), 'order')} visible after reject", len(run.visible)),
        (f"{some(suspected, 'event')} suspected lost", suspected),
        (some(len(run.disputed), "disputed order"), len(run.disputed)),
        (f"{some(phantoms_suspected, 'event')} suspected to be a phantom", phantoms_suspected),
        (f"{some(orders_suspected, 'order')} suspected lost", orders_suspected),
    ]


def violation_list(run: RawRun) -> list[str]:
    return [next((words for words, count in kinds(run) if count), "")]


def also_counted(run: RawRun) -> list[str]:
    delays, undecided = late(run)
    twice = run.raw.duplicates()
    by_words = dict(kinds(run))
    doubts = [words for words, count in by_words.items() if count]
    waiting = sum(one.row and not one.event and one.waiting for one in run.raw.orders)
    ambiguous = [one for one in run.raw.attempts if one.outcome == "ambiguous"]
    parts = [
        some(len(delays), "late event"),
        f"{some(undecided, 'event')} whose lateness is undecided",
        some(waiting, "pending event"),
        some(twice["redelivered"], "redelivered event"),
        f"{some(twice['published_twice'], 'event')} published twice",
        *[words for words in doubts if "suspected lost" in words and "event" in words],
        *[words for words in doubts if "disputed" in words],
        *[words for words in doubts if "phantom" in words and "suspected" in words],
        *[words for words in doubts if "suspected lost" in words and "order" in words],
        *[words for words in doubts if "reject" in words],
        some(sum(one.row and one.event for one in ambiguous), "recovered order"),
        some(sum(not one.row and not one.event for one in ambiguous), "unresolved order"),
    ]
    return [", ".join(part for part in parts if not part.startswith("0 "))]


def late_delays(run: RawRun) -> list[str]:
    delays, _ = late(run)
    if not delays:
        return [""]
    if len(delays) == 1:
        return [f"1 event came late, appended at most {took(delays[0])} after its order was sent"]
    ranked = sorted(delays)
    middle, high, most = (ranked[max(0, -(-int(share * len(ranked)) // 100) - 1)] for share in (50, 95, 100))
    return [
        f"{len(delays)} events came late, at most {took(middle)} (median), {took(high)} (95th percentile) and "
        f"{took(most)} (maximum) after their orders were sent"
    ]


def behaviour(run: RawRun) -> list[str]:
    numbers = run.raw.outages()
    if not numbers:
        return [""]
    what = f"outage of the {run.target(numbers[0])}"
    return [
        f"sent in the {what}" if len(numbers) == 1 else f"sent in the {len(numbers)} {what.replace('age', 'ages', 1)}"
    ]


def behaviour_in_words(run: RawRun) -> list[str]:
    during = list({one.seq: one for number in run.raw.outages() for one in run.during(number)}.values())
    acknowledged = [one for one in during if one.acknowledged]
    others = [one for one in during if not one.acknowledged]
    lost = [one for one in acknowledged if one in run.lost]
    doubted = run.doubted("lost_events")
    hang = [one for one in others if one.failure is Failure.TIMEOUT]
    error = [one for one in others if one.status and one.failure is Failure.NONE]
    broken = [one for one in others if one not in hang and one not in error]
    statuses = Counter(one.status for one in error)
    by_status = ", ".join(
        f"{code}: {count}" for code, count in sorted(statuses.items(), key=lambda item: (-item[1], item[0]))
    )
    words = {
        Failure.REFUSED: "refused",
        Failure.RESET: "reset",
        Failure.UNREADABLE: "success without a readable order id",
    }
    ways = Counter(
        "no answer when the run ended" if one.answered is None else words.get(one.failure, "other failure")
        for one in broken
    )
    order = ["refused", "reset", "success without a readable order id", "other failure", "no answer when the run ended"]
    no_row = [one for one in acknowledged if not one.row]
    codes = sorted({one.status for one in lost})
    silent = f"silent {codes[0]}" if len(codes) == 1 else "silent 2xx"
    parts = [
        (0 if doubted else len(lost), f"{silent} (acknowledged, event lost)"),
        (len(lost) if doubted else 0, "suspected (acknowledged, event suspected lost)"),
        (sum(one in run.disputed for one in acknowledged), "disputed (acknowledged, a record might be its event)"),
        (len(error), f"error (HTTP {by_status})"),
        (len(hang), f"hang (no answer within {run.raw.history.facts.request_timeout_s:.0f} s)"),
        (sum(one.row and one.event for one in acknowledged), "kept (acknowledged, with row and event)"),
        (sum(one.row and one.waiting and not one.event for one in acknowledged),
         "pending (acknowledged, event still in the backlog)"),
        (len(no_row), f"lost order (acknowledged, no row{' found' if run.doubted('lost_orders') else ''})"),
        (len(broken), f"no usable answer ({', '.join(f'{way}: {ways[way]}' for way in order if ways[way])})"),
    ]  # fmt: skip
    return [", ".join(f"{count} {label}" for count, label in parts if count)]


def guards(run: RawRun) -> list[str]:
    applying = [guard for guard in run.guards if guard.applies]
    if run.failed:
        return [f"{len(run.failed)} of {some(len(applying), 'guard')} failed"]
    return ["; ".join(filter(None, [f"all {some(len(applying), 'guard')} passed", *confirmed(run)]))]


def guards_mean(run: RawRun) -> list[str]:
    if not run.failed:
        return [""]
    if any(guard.kind.value == "evidence" for guard in run.failed):
        return ["so a witness may be incomplete: what rests on it is suspected, not proven"]
    return ["so what is found stands, but may not be all" if run.violations else "so finding nothing proves little"]


def confirmed(run: RawRun) -> list[str]:
    second = run.raw.history.confirmation
    if second is None or second.checked == 0 or second.refuted or second.unsettled or not second.complete:
        return [""]
    if second.checked != second.eligible:
        return [f"{second.checked} of {second.eligible} violations looked up, each confirmed by a second look"]
    each = ", confirmed" if second.checked == 1 else ", each confirmed"
    return [f"{some(second.checked, 'violation')}{each} by a second look"]


def fault(run: RawRun) -> list[str]:
    facts = run.raw.history.facts
    what = f"{facts.fault.name} of the {facts.fault_target}" if facts.scenario == "lost-event" else "no fault"
    return [f"{facts.scenario} ({what} while orders fall due at {facts.rate:g} orders/s)"]


def how(run: RawRun) -> str:
    facts = run.raw.history.facts
    known = None if facts.stack == "external" else facts.service_variant
    return {"naive": DUAL, "outbox": OUTBOX, None: UNKNOWN}[known]


def root_cause(run: RawRun) -> list[str]:
    if run.undecided:
        return ["Unknown: nothing is proven. The failed guards say what was missing."]
    if not run.violations:
        return [_kept(run)]
    facts, counts = (
        run.raw.history.facts,
        dict(zip(("lost", "phantom", "order", "visible"), kinds(run), strict=False)),
    )
    parts = [how(run)]
    if counts["lost"][1]:
        parts.append(
            f"Stored orders without an event in topic {facts.topic.name}, as far as it was read: {counts['lost'][1]}."
        )
        parts.append("Observed: " + outages.causes(run)[0] + ".")
        if facts.contract.table.outbox:
            parts.append(
                f"Table {facts.contract.table.outbox} does not hold them either. "
                "The run does not show why; see the service's log."
            )
        elif how(run) == UNKNOWN:
            parts.append("So the run does not show the cause.")
        (apart,) = outages.outside(run)
        parts.append(f"{apart[:1].upper()}{apart[1:]}: look for another cause." if apart else "")
    if counts["phantom"][1]:
        whose = Counter(one.outcome for one in run.phantoms)
        said = ", ".join(f"{name} {count}" for name, count in sorted(whose.items()))
        asked = facts.scenario == "phantom-event" and whose["provoked"] == counts["phantom"][1]
        why = (
            "The service published each of them before it rolled its transaction back, as this scenario asks for; a "
            "published event cannot be rolled back. Phantom events need no outage."
        )
        parts.append(f"Events in the topic without a row in orders: {counts['phantom'][1]} (by outcome: {said}).")
        parts.append(why if asked else "The run does not show why.")
    if counts["order"][1]:
        parts.append(f"Acknowledged orders without a row in orders: {counts['order'][1]}. The run does not show why.")
    if run.visible:
        codes = Counter(one.status for one in run.visible)
        said = ", ".join(f"{f'HTTP {code}' if code else 'refused'}: {count}" for code, count in sorted(codes.items()))
        parts.append(
            f"Rejected orders that left a row or an event: {len(run.visible)} ({said}). The run does not show why."
        )
    if not any(count for _, count in counts.values()):
        parts.append(f"Events published twice: {run.raw.duplicates()['published_twice']}. The run does not show why.")
    return [" ".join(part for part in parts if part)]


def _kept(run: RawRun) -> str:
    numbers = run.raw.outages()
    if not numbers:
        return "Nothing was broken, and no event is missing."
    down: list[Order] = []
    for number in numbers:
        _, injected, healing, _ = run.edges(number)
        down += [one for one in run.raw.attempts if one.sent is not None and injected <= one.sent < healing]
    delays, _ = late(run)
    text = (
        f"Of {some(len(down), 'order')} sent while the {run.target(numbers[0])} was proven down, "
        f"{sum(one.row for one in down)} have a row and its event"
    )
    stored = sum(one.row for one in down)
    text += f", the other {len(down) - stored} neither" if stored < len(down) else ""
    text += f"; {some(len(delays), 'event')} of the run came late." if delays else "."
    return f"{text} {how(run)}" + (" A dual write does not guarantee that." if how(run) == DUAL else "")


def fix(run: RawRun) -> list[str]:
    if run.undecided:
        said = "None proposed: nothing is proven. Repair what the failed guards name, and run the plan again."
        command = f"python -m reconcile {run.raw.history.facts.run_id} --look-again"
        look = f" Whether the suspected events came after all: `{command}`."
        return [said + (look if run.doubted("lost_events") and run.lost else "")]
    if not run.violations:
        dual = f" A dual write (naive) can still lose events in other faults; an outbox prevents that. {PATTERN}"
        return ["This run needs no fix." + (dual if how(run) == DUAL and run.raw.outages() else "")]
    (_, lost), (_, phantoms), (_, orders), *_ = kinds(run)
    parts = []
    if lost and run.raw.history.facts.contract.table.outbox:
        parts.append(
            "Find out where events leave the outbox without an acknowledgement of the broker: a relay must delete or "
            "mark a row only after that."
        )
    elif lost:
        condition = "If the service publishes outside the transaction of the order: "
        parts.append(PATTERN if how(run) == DUAL else condition + PATTERN)
    if phantoms:
        again = [] if any(PATTERN in part for part in parts) else [PATTERN]
        end = "Publishing right after the commit is no fix: it loses events in an outage."
        parts += ["A rollback takes nothing back from Kafka.", *again, end]
    if orders:
        parts.append("Acknowledge an order only after its commit, and check that the database keeps what it committed.")
    if run.visible:
        parts.append("Reject an order only where nothing of it is stored or published.")
    return [" ".join(parts) or "Publish each event under one event id, so that consumers can recognise a repetition."]


def fix_as_code(run: RawRun) -> list[str]:
    (shown,) = fix(run)
    return [CODE if PATTERN in shown else ""]


def expectation(run: RawRun, ruling: Ruling) -> list[str]:
    facts = run.raw.history.facts
    (_, lost), (_, phantoms), *_ = kinds(run)
    met = {
        "any": True,
        "consistent": not run.violations,
        "lost-events": bool(lost),
        "phantom-events": bool(phantoms),
    }[facts.expect]
    word = "undecided" if run.undecided else "met" if met else "not met"
    return [f"expected: {facts.expect} (from {facts.expect_source}), {word}; exit code {ruling.exit_code}"]


RECOMPUTED: Final[dict[str, Callable[[RawRun], list[str]]]] = {
    **outages.RECOMPUTED,
    **recomputed_run.RECOMPUTED,
    **recomputed_gap.RECOMPUTED,
    "violation list": violation_list,
    "also counted": also_counted,
    "late delays": late_delays,
    "behaviour": behaviour,
    "behaviour in words": behaviour_in_words,
    "guards": guards,
    "confirmed": confirmed,
    "what failed guards mean": guards_mean,
    "fault": fault,
    "root cause": root_cause,
    "fix": fix,
    "fix as code": fix_as_code,
}
