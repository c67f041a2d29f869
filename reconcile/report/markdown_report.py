"""`report.md`: the seed's "Chaos Test Report" filled in from one run."""

import re
from collections.abc import Sequence
from typing import Final

from files.safe_text import printable
from reconcile.analysis.probe_summary import seen_words
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences import behaviour, checks_table, explanations, gap, guards, losses, outages, verdict
from reconcile.report.text_format import capital, duration_if_known
from reconcile.report.timeline import draw_timeline
from reconcile.report.violation_kinds import KINDS, LOST, Kind, first_ids
from runlog import marks as m
from runlog.clock import iso_utc
from runlog.fault_facts import FaultFacts
from runlog.outages import Outage

FIRST_IDS: Final = 5
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")
_TITLES: Final = {"lost-event": "Lost Event", "phantom-event": "Phantom Event", "control": "Control"}
_STEPS: Final = {
    m.STARTED: "run started",
    m.BASELINE: "load begins",
    m.INJECTING: "injection begins: {fault}",
    m.INJECTED: "{target} proven {state}{seen}",
    m.HEALING: "healing begins",
    m.LOAD_STOPPED: "healing takes too long; no orders are sent",
    m.LOAD_RESUMED: "orders are sent again",
    m.HEALED: "{target} proven {back}",
    m.RECOVERY: "recovery begins",
    m.WORKER_LOST: "a process that sent load was lost",
    m.PHANTOMS_CHECKED: "database and service asked for the orders that were rolled back",
    m.DRAIN: "no more orders; drain begins",
    m.DRAINED: "drain ended",
    m.HEALTH_CHECKED: "health of all components checked",
    m.INTERRUPTED: "run interrupted: {reason}",
    m.FAILED: "run failed: {reason}",
    m.ENDED: "run ended",
    m.LISTENER: "exit code raised: {reason}",
}


def markdown_report(history: History, judgement: Judgement) -> str:
    facts = history.facts
    title = _TITLES.get(facts.scenario, facts.scenario)
    sections = [
        f"# Chaos Test Report — {escape(title)}",
        _heading(history, judgement),
        "## Picture\n\n" + _picture(history, judgement),
        "## Timeline\n\n" + _timeline(history, judgement),
        "## Results\n\n" + _table(("Check", "Expected", "Actual"), checks_table.check_rows(history, judgement)),
        "## Inconsistency Detected?\n\n" + _inconsistency(history, judgement),
        "## Root Cause\n\n" + escape(explanations.root_cause(history, judgement)),
        "## Fix\n\n" + _fix(history, judgement),
        "## Failure window\n\n" + _windows(history, judgement),
        "## Behaviour\n\n" + _behaviour(history, judgement),
        "## Truth table\n\n" + _truth_table(judgement),
        "## Guards\n\n" + _guards(history, judgement),
        "## Lost events\n\n" + _lost(history, judgement),
        *(
            f"## {kind.title}\n\n{_violations(judgement, kind)}"
            for kind in KINDS
            if kind is not LOST and judgement.counts[kind.key]
        ),
    ]
    return "\n\n".join(sections) + "\n"


def escape(text: str) -> str:
    """Return `text` as Markdown that shows it verbatim, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return `text` as a Markdown code span on one line, whatever it contains."""
    clean = printable(text)
    if "`" not in clean:
        return f"`{clean}`"
    fence = "`" * (max(len(ticks) for ticks in re.findall("`+", clean)) + 1)
    return f"{fence} {clean} {fence}"


def _heading(history: History, judgement: Judgement) -> str:
    facts = history.facts
    parts = [
        ("Scenario", explanations.fault(history, judgement)),
        ("Date", iso_utc(facts.started_at)),
        ("Run", facts.run_id),
        ("Infrastructure", explanations.infrastructure(history, judgement)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items()) or "unknown"),
        ("Scope", verdict.scope(history, judgement)),
        ("Attribution", verdict.attribution(history, judgement)),
        ("Expected", verdict.expectation(history, judgement).removeprefix("expected: ")),
    ]
    return "  \n".join(f"**{name}:** {escape(text)}" for name, text in parts)


def _picture(history: History, judgement: Judgement) -> str:
    """Return the run as lines of characters, with what its gap came to."""
    started_at, outages_ = history.facts.started_at, judgement.outages
    found = draw_timeline(judgement.timeline, judgement.fault, outages_, started_at, width=100, unicode=True)
    if found is None:
        return "No order fell due."
    lines = [f"{label:<{found.label}}{line}  {total}".rstrip() for label, line, total in found.lines]
    if found.seconds > 1:
        lines.append(f"{'':<{found.label}}one column is {found.seconds} s")
    said = [gap.gap_in_the_end(history, judgement), gap.waited(history, judgement), gap.untimed(history, judgement)]
    return "\n".join(["```text", *lines, "```", "", f"{escape(capital('; '.join(filter(None, said))))}."])


def _fix(history: History, judgement: Judgement) -> str:
    lines = explanations.fix_code(history, judgement)
    return escape(explanations.fix(history, judgement)) + (f"\n\n```sql\n{lines}```" if lines else "")


def _timeline(history: History, judgement: Judgement) -> str:
    steps = []
    order = history.facts.check_order
    if order is not None:
        placed = f"canary order {order.order_id} placed before the run: HTTP {order.http_status}"
        kept = " and ".join(name for name, there in (("DB", order.row), ("Kafka", order.event)) if there)
        steps.append(f"{placed}, received by {kept or 'neither DB nor Kafka'}")
    by_index = {outage.index: outage for outage in judgement.outages}
    for mark in history.marks:
        outage = by_index.get(mark.outage) if mark.outage is not None else None
        names = {"reason": mark.reason, **_names(history.facts.fault, outage)}
        since = mark.at - history.facts.started_at
        steps.append(f"{iso_utc(mark.at)} ({since:+.3f} s): {_STEPS.get(mark.name, mark.name).format_map(names)}")
    return "\n".join(f"{number}. {escape(step)}" for number, step in enumerate(steps, 1)) or "unknown"


def _names(fault: FaultFacts, outage: Outage | None) -> dict[str, str]:
    target = (outage.target if outage else None) or "target"
    seen = seen_words(fault, outage.seen, outage.measured) if outage else ""
    what = outage.of(fault) if outage else "fault of the target"
    ends = {"state": fault.state, "back": fault.back}
    return {"fault": what, "target": target, "seen": f": {seen}" if seen else "", **ends}


def _inconsistency(history: History, judgement: Judgement) -> str:
    word = {Verdict.INCONSISTENT: "YES", Verdict.CONSISTENT: "NO", Verdict.INCONCLUSIVE: "UNKNOWN"}
    return f"**{word[judgement.ruling.verdict]}** — {escape(verdict.reason(history, judgement))}"


def _windows(history: History, judgement: Judgement) -> str:
    lines = []
    for place in range(len(judgement.outages)):
        lines.append(f"{escape(outages.title(history, judgement, place))}:\n")
        lines += [f"- {name}: {escape(text)}" for name, text in outages.rows(history, judgement, place)]
        lines.append("")
    if outside := outages.outside(history, judgement):
        lines.append(escape(outside) + ".")
    return "\n".join(lines).strip() or "No outage."


def _behaviour(history: History, judgement: Judgement) -> str:
    rows = [
        (label, str(kind["count"]), *(duration_if_known(kind[name]) for name in ("p50_s", "p95_s", "max_s")))
        for label, kind in behaviour.rows(history, judgement)
    ]
    columns = (escape(behaviour.heading(history, judgement)), "orders", "median", "95th percentile", "slowest")
    return _table(columns, rows) if rows else "No order was sent in an outage."


def _truth_table(judgement: Judgement) -> str:
    rows = [(label, *map(str, cells.values())) for label, cells in judgement.cells.items()]
    sums = "\n".join(f"- {escape(e.text)}: {e.left} {'=' if e.holds else '≠'} {e.right}" for e in judgement.equations)
    return _table(("outcome", "row and event", "row only", "event only", "neither"), rows) + "\n\n" + sums


def _guards(history: History, judgement: Judgement) -> str:
    """Return the failed guards, and all of them folded."""
    state = {True: "passed", False: "FAILED", None: "not applicable"}
    rows = [(guard.name, guard.kind.value, state[guard.passed], guard.reason) for guard in judgement.guards]
    failed = "".join(f"- {escape(guards.failed_guard(guard))}\n" for guard in guards.failed_guards(judgement))
    table = _table(("Guard", "Kind", "State", "Reason"), rows)
    head = capital(guards.guards(history, judgement)) + "."
    folded = f"<details><summary>All guards</summary>\n\n{table}\n\n</details>"
    return "\n\n".join(filter(None, [head, failed.rstrip(), folded]))


def _lost(history: History, judgement: Judgement) -> str:
    whole = f"Complete list, with times and causes: `{LOST.path}` in the folder of this report."
    if not judgement.counts[LOST.key]:
        return f"{losses.none_lost(judgement)}\n\n{whole}"
    ids = "\n".join(f"- {code(order)}" for order in first_ids(judgement, LOST, FIRST_IDS))
    why = "".join(f"- {count}: `{name}`\n" for name, count in losses.proven_causes(judgement).items())
    rows = losses.lost_rows(history, judgement)
    parts = [f"{losses.violation_list(history, judgement, FIRST_IDS)}:", ids, f"By cause:\n\n{why}".rstrip(), whole]
    return "\n\n".join([*parts, *([f"{rows}."] if rows else [])])


def _violations(judgement: Judgement, kind: Kind) -> str:
    total = judgement.counts[kind.key]
    ids = "\n".join(f"- {code(order)}" for order in first_ids(judgement, kind, FIRST_IDS))
    head = f"The first {FIRST_IDS} of {total}" if total > FIRST_IDS else f"All {total}"
    return f"{head}:\n\n{ids}\n\nComplete list: `{kind.path}` in the folder of this report."


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(escape(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
