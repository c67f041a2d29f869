"""The few lines that a CI job shows of a run: Markdown for `$GITHUB_STEP_SUMMARY`."""

from typing import Final

from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.report.csvs import lost_ids
from reconcile.report.markdown import code, escape
from reconcile.report.strip import draw

FIRST: Final = 10
WIDTH: Final = 80
_TOLD: Final = (
    "attempted",
    "acknowledged",
    "rows",
    "events",
    "lost_events",
    "suspected_lost",
    "phantom_events",
    "lost_orders",
    "visible_after_reject",
    "late_events",
)


def step_summary(history: History, judgement: Judgement, place: str) -> str:
    """Return the summary.

    Args:
        history: of the run.
        judgement: of the run.
        place: where the reports lie, for people.
    """
    ruling, facts = judgement.ruling, history.facts
    met = {True: "met", False: "not met", None: "cannot be told"}[ruling.met]
    parts = [
        f"### {ruling.verdict.value.upper()}: run {escape(facts.run_id)}",
        escape(ruling.reason),
        f"Expected {escape(facts.expect)} (from {escape(facts.expect_source)}), {met}; exit code {ruling.exit_code}.",
        _counts(judgement),
        _picture(history, judgement),
        _guards(judgement),
        _lost(judgement),
        f"Reports: `{place.replace('`', '')}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _counts(judgement: Judgement) -> str:
    told = [name for name in _TOLD if judgement.counts[name] or not name.startswith("suspected")]
    head = " | ".join(name.replace("_", " ") for name in told)
    return "\n".join(
        [f"| {head} |", "|" + "---:|" * len(told), f"| {' | '.join(str(judgement.counts[name]) for name in told)} |"]
    )


def _picture(history: History, judgement: Judgement) -> str:
    strip = draw(judgement.timeline, judgement.outages, history.facts.started_at, width=WIDTH, unicode=True)
    if strip is None:
        return ""
    lines = "\n".join(f"{label:<14}{line}  {total}".rstrip() for label, line, total in strip.lines)
    return f"```text\n{lines}\n```"


def _guards(judgement: Judgement) -> str:
    failed = [guard for guard in judgement.guards if guard.failed]
    if not failed:
        return f"All {sum(guard.applies for guard in judgement.guards)} guards passed."
    return "\n".join(f"- **{escape(guard.name)}** failed: {escape(guard.reason)}" for guard in failed)


def _lost(judgement: Judgement) -> str:
    ids = lost_ids(judgement, FIRST)
    if not ids:
        return ""
    kind = "suspected lost" if judgement.suspicion.lost_events else "lost"
    listed = "\n".join(f"- {code(order)}" for order in ids)
    return f"First {len(ids)} of {len(judgement.lost_cases)} {kind} events:\n\n{listed}"
