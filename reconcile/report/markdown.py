"""`report.md`: the seed's "Chaos Test Report" filled in from one run."""

import re
from dataclasses import asdict
from typing import Final

from reconcile.asked import seen_words
from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.lostcauses import tally
from reconcile.outages import Outage
from reconcile.report.csvs import lost_ids
from reconcile.report.document import scope
from reconcile.report.listed import Listed, other_lists
from reconcile.report.reasons import ATTRIBUTIONS, fix, lost_rows_note, made_anew, root_cause
from reconcile.report.results import result_rows
from reconcile.verdict import Verdict
from runlog import marks as m
from runlog.clock import iso_utc

FIRST_IDS: Final = 5
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")
_TITLES: Final = {"lost-event": "Lost Event", "phantom-event": "Phantom Event", "control": "Control"}
_STEPS: Final = {
    m.STARTED: "run started",
    m.BASELINE: "load begins, everything is healthy",
    m.INJECTING: "fault ordered: {fault} {target}",
    m.INJECTED: "{target} proven down{seen}",
    m.HEALING: "healing begins",
    m.HEALED: "{target} proven back",
    m.RECOVERY: "load goes on{again}",
    m.WORKER_LOST: "a process that sent load was lost",
    m.PHANTOMS_CHECKED: "database and service asked for the orders that were rolled back",
    m.DRAIN: "no more orders; waiting until nothing new comes",
    m.DRAINED: "drain over",
    m.HEALTH_CHECKED: "all parts asked whether they are well",
    m.INTERRUPTED: "run interrupted: {reason}",
    m.FAILED: "run failed: {reason}",
    m.ENDED: "run ended",
}


def markdown_report(history: History, judgement: Judgement) -> str:
    """Return the text of `report.md`."""
    facts = history.facts
    title = _TITLES.get(facts.scenario, facts.scenario)
    sections = [
        f"# Chaos Test Report — {escape(title)}",
        _heading(history),
        "## Timeline\n\n" + _timeline(history, judgement),
        "## Results\n\n" + _table(("Check", "Expected", "Actual"), result_rows(history, judgement)),
        "## Inconsistency Detected?\n\n" + _inconsistency(judgement),
        "## Root Cause\n\n" + root_cause(history, judgement),
        "## Fix\n\n" + fix(history, judgement),
        "## Failure window\n\n" + _windows(judgement),
        "## Truth table\n\n" + _truth_table(judgement),
        "## Guards\n\n" + _guards(judgement),
        "## Lost events\n\n" + _lost(history, judgement),
        *(f"## {one.title}\n\n{_listed(one)}" for one in other_lists(judgement)),
    ]
    return "\n\n".join(sections) + "\n"


def escape(text: str) -> str:
    """Return `text` from outside so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return `text` from outside as a code span on one line, whatever is in it."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    if "`" not in clean:
        return f"`{clean}`"
    fence = "`" * (max(len(ticks) for ticks in re.findall("`+", clean)) + 1)
    return f"{fence} {clean} {fence}"


def _heading(history: History) -> str:
    facts = history.facts
    broken = f"{facts.fault} of the {facts.fault_target}" if facts.scenario == "lost-event" else "nothing is broken"
    parts = [
        ("Scenario", f"{facts.scenario} ({broken} while orders are created at {facts.rate:g} orders/s)"),
        ("Date", iso_utc(facts.started_at)),
        ("Run", facts.run_id),
        ("Infrastructure", f"{facts.stack} stack: order service ({facts.service_variant or 'unknown variant'}), "
                           f"PostgreSQL, Kafka topic {facts.topic.name}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items()) or "unknown"),
        ("Scope", scope(facts)),
        ("Attribution", ATTRIBUTIONS[facts.attribution]),
    ]  # fmt: skip
    return "  \n".join(f"**{name}:** {escape(text)}" for name, text in parts)


def _timeline(history: History, judgement: Judgement) -> str:
    steps = []
    order = history.facts.check_order
    if order is not None:
        told = f"baseline order {order.order_id} placed before the run: HTTP {order.http_status}"
        kept = " and ".join(name for name, there in (("DB", order.row), ("Kafka", order.event)) if there)
        steps.append(f"{told}, received by {kept or 'neither DB nor Kafka'}")
    by_index = {outage.index: outage for outage in judgement.outages}
    for mark in history.marks:
        outage = by_index.get(mark.outage) if mark.outage is not None else None
        again = ", everything is healthy again" if by_index else ""
        names = {"reason": str(mark.detail.get("reason", "no reason told")), "again": again, **_names(outage)}
        since = mark.at - history.facts.started_at
        steps.append(f"{iso_utc(mark.at)} ({since:+.3f} s): {_STEPS.get(mark.name, mark.name).format_map(names)}")
    return "\n".join(f"{number}. {escape(step)}" for number, step in enumerate(steps, 1)) or "unknown"


def _names(outage: Outage | None) -> dict[str, str]:
    fault, target = (outage.fault, outage.target) if outage else (None, None)
    seen = seen_words(outage.seen) if outage else ""
    return {"fault": fault or "fault", "target": target or "target", "seen": f": {seen}" if seen else ""}


def _inconsistency(judgement: Judgement) -> str:
    word = {Verdict.INCONSISTENT: "YES", Verdict.CONSISTENT: "NO", Verdict.INCONCLUSIVE: "UNKNOWN"}
    return f"**{word[judgement.ruling.verdict]}** — {escape(judgement.ruling.reason)}"


def _windows(judgement: Judgement) -> str:
    lines = []
    for outage, window in zip(judgement.outages, judgement.windows, strict=True):
        if window.first_sent_at is None or window.last_sent_at is None:
            lines.append(f"- outage {outage.number}: no event is proven lost")
            continue
        lead, tail = (f"{value:+.3f} s" if value is not None else "unknown" for value in (window.lead_s, window.tail_s))
        lines.append(
            f"- outage {outage.number}: lost events were sent from {iso_utc(window.first_sent_at)} to "
            f"{iso_utc(window.last_sent_at)}; {window.lost} of {window.sent} orders sent in between. "
            f"Lead {lead} (first loss before the {escape(outage.target or 'target')} was seen to fail), tail {tail} "
            "(last loss after it was last seen to fail)."
        )
    for outage, recovery, rates in zip(judgement.outages, judgement.recoveries, judgement.outage_rates, strict=True):
        told = [f"{name} {_number(value)}" for name, value in asdict(rates).items()]
        lines.append(f"- outage {outage.number}, orders a second: {', '.join(told)}")
        lines.append(
            f"- outage {outage.number}, recovery from proven back: first delivered order after "
            f"{_number(recovery.first_delivered_s)} s; latencies at the baseline's 95th percentile "
            f"({_number(recovery.baseline_p95_s)} s) after {_number(recovery.to_baseline_p95_s)} s"
        )
    lines.append(f"- lost events that no outage explains: {judgement.lost_outside}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _truth_table(judgement: Judgement) -> str:
    rows = [(label, *(str(number) for number in cells.values())) for label, cells in judgement.cells.items()]
    sums = "\n".join(f"- {escape(e.text)}: {e.left} {'=' if e.holds else '≠'} {e.right}" for e in judgement.equations)
    return _table(("outcome", "row and event", "row only", "event only", "neither"), rows) + "\n\n" + sums


def _guards(judgement: Judgement) -> str:
    state = {True: "passed", False: "**failed**", None: "not applicable"}
    rows = [(guard.name, guard.kind.value, state[guard.passed], escape(guard.reason)) for guard in judgement.guards]
    lines = ["| Guard | Kind | State | Reason |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _lost(history: History, judgement: Judgement) -> str:
    suspected = judgement.suspicion.lost_events
    total = judgement.counts["suspected_lost" if suspected else "lost_events"]
    path = "suspected-lost.csv" if suspected else "lost-events.csv"
    ids = [f"- {code(order)}" for order in lost_ids(judgement, FIRST_IDS)]
    what = "suspected" if suspected else "proven"
    listed = f"The first {len(ids)} of {total} ({what}):\n\n" + "\n".join(ids) + "\n\n" if ids else "None.\n\n"
    causes = "".join(f"- {count}: `{code}`\n" for code, count in tally(judgement.evidence).items())
    why = f"By cause:\n\n{causes}\n" if causes else ""
    note = lost_rows_note(history, judgement)
    anew = "" if suspected or not ids else f"\n\n{made_anew(history)}: `lost-events.ndjson`"
    anew += f" ({note})." if note else "." if anew else ""
    return f"{listed}{why}The whole list, with times and causes: `{path}` beside this report.{anew}"


def _listed(one: Listed) -> str:
    ids = [f"- {code(order)}" for order, *_ in one.rows[:FIRST_IDS]]
    return (
        f"The first {len(ids)} of {one.total}:\n\n"
        + "\n".join(ids)
        + f"\n\nThe whole list: `{one.path}` beside this report."
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(escape(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
