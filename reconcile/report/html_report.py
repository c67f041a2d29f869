"""`report.html`: the run on one page that needs no network.

The page is a template (Jinja2, which escapes everything by default); this file gathers what it shows. The page's one
script filters the lists of orders; without it they are complete.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

import jinja2

from reconcile.analysis.lost_causes import LostCause
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.run_picture import draw_run
from reconcile.report.sentences import behaviour, explanations, guards, losses, outages, verdict
from reconcile.report.shown_options import shown_options
from reconcile.report.text_format import capital, duration_if_known
from reconcile.report.violation_kinds import LOST, SUSPECTED_LOST, cases_of
from reconcile.report.violation_lists import other_lists, violation_list
from runlog.clock import iso_utc

_FOLDER: Final = Path(__file__).parent / "templates"
_SIGNS: Final = {Verdict.CONSISTENT: "✓", Verdict.INCONSISTENT: "✗", Verdict.INCONCLUSIVE: "?"}


def html_report(history: History, judgement: Judgement) -> str:
    """Return the text of `report.html`; the same for the same history, to the byte."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"capital": capital, "seconds": duration_if_known, "utc": _utc}
    script = (_FOLDER / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("report.html.j2")
    return page.render(
        **_context(history, judgement),
        script=script,
        script_digest=digest,
        style=(_FOLDER / "report.css").read_text(encoding="utf-8"),
    )


def _context(history: History, judgement: Judgement) -> dict[str, Any]:
    facts, ruling, table = history.facts, judgement.ruling, judgement.table
    shown = SUSPECTED_LOST if judgement.counts[SUSPECTED_LOST.key] and not judgement.counts[LOST.key] else LOST
    cases = cases_of(judgement, shown)
    return {
        "facts": facts,
        "ruling": ruling,
        "verdict": ruling.verdict.value,
        "sign": _SIGNS[ruling.verdict],
        "reason": verdict.reason(history, judgement),
        "expectation": verdict.expectation(history, judgement),
        "scope": verdict.scope(history, judgement),
        "counts": judgement.counts,
        "main_counts": losses.main_counts(judgement),
        "cells": judgement.cells,
        "equations": judgement.equations,
        "guards": judgement.guards,
        "guards_passed": guards.guards(history, judgement),
        "outages": [
            {
                "title": outages.title(history, judgement, place),
                "marks": outage,
                "rows": outages.rows(history, judgement, place),
            }
            for place, outage in enumerate(judgement.outages)
        ],
        "outside": outages.outside(history, judgement),
        "behaviour_heading": behaviour.heading(history, judgement),
        "behaviour": behaviour.rows(history, judgement),
        "causes": [
            (code, LostCause(code).words(facts.fault), count) for code, count in losses.proven_causes(judgement).items()
        ],
        "fault_words": facts.fault,
        "picture": draw_run(judgement.timeline, facts.fault, judgement.outages, table.sent[cases], facts.started_at),
        "timeline": judgement.timeline,
        "dots_word": losses.plural(shown),
        "lost": violation_list(judgement, LOST),
        "none_lost": losses.none_lost(judgement),
        "lost_rows": losses.lost_rows(history, judgement),
        "others": other_lists(judgement),
        "late": losses.late_delays(history, judgement),
        "root_cause": explanations.root_cause(history, judgement),
        "fix": explanations.fix(history, judgement),
        "fault": explanations.fault(history, judgement),
        "infrastructure": explanations.infrastructure(history, judgement),
        "attribution": verdict.attribution(history, judgement),
        "started": iso_utc(facts.started_at),
        "command": " ".join(facts.command),
        "options": {name: text for name, text in shown_options(facts).items() if text},
    }


def _utc(value: float | None) -> str:
    return "unknown" if value is None else iso_utc(value)
