"""The summary that a CI job shows of a run: Markdown for `$GITHUB_STEP_SUMMARY`."""

from typing import Final

from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.markdown_report import code, escape
from reconcile.report.sentences import behaviour, guards, losses, outages, verdict
from reconcile.report.text_format import capital
from reconcile.report.timeline import draw_timeline
from reconcile.report.violation_kinds import first_ids, first_kind

FIRST_IDS: Final = 10
WIDTH: Final = 80


def step_summary(history: History, judgement: Judgement, folder: str) -> str:
    """Return the summary; `folder` is where the reports are."""
    parts = [
        f"### {escape(verdict.verdict(history, judgement))}",
        escape(verdict.reason(history, judgement)),
        escape(capital(verdict.expectation(history, judgement))) + ".",
        _counts(judgement),
        _timeline(history, judgement),
        _outages(history, judgement),
        _guards(history, judgement),
        _violations(history, judgement),
        f"Reports: `{folder.replace('`', '')}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _counts(judgement: Judgement) -> str:
    names, counts = zip(*losses.main_counts(judgement), strict=True)
    return "\n".join([f"| {' | '.join(names)} |", "|" + "---:|" * len(names), f"| {' | '.join(map(str, counts))} |"])


def _timeline(history: History, judgement: Judgement) -> str:
    found = draw_timeline(
        judgement.timeline, judgement.fault, judgement.outages, history.facts.started_at, width=WIDTH, unicode=True
    )
    if found is None:
        return ""
    lines = "\n".join(f"{label:<{found.label}}{line}  {total}".rstrip() for label, line, total in found.lines)
    return f"```text\n{lines}\n```"


def _outages(history: History, judgement: Judgement) -> str:
    lines = [
        f"- {escape(outages.title(history, judgement, place))}: {escape(outages.down(history, judgement, place))}; "
        f"{escape(outages.window(history, judgement, place))}"
        for place in range(len(judgement.outages))
    ]
    kinds = behaviour.kinds(history, judgement)
    if kinds:
        lines.append(f"- {escape(capital(behaviour.heading(history, judgement)))}: {escape(kinds)}")
    return "\n".join(lines)


def _guards(history: History, judgement: Judgement) -> str:
    lines = [f"- {escape(guards.failed_guard(guard))}" for guard in guards.failed_guards(judgement)]
    head = escape(capital(guards.guards(history, judgement)))
    return f"{head}:\n\n" + "\n".join(lines) if lines else f"{head}."


def _violations(history: History, judgement: Judgement) -> str:
    ids = "\n".join(f"- {code(order)}" for order in first_ids(judgement, first_kind(judgement), FIRST_IDS))
    return f"{capital(losses.violation_list(history, judgement, FIRST_IDS))}:\n\n{ids}" if ids else ""
