"""`report.html`: the run on one page that needs no network, for people who want to see and to pass on.

The page is a template (Jinja2, everything escaped by default); this file only gathers what it shows. Its one script
filters the list of lost orders; without it the list is there all the same.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

import jinja2

from reconcile.asked import seen_words
from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.lostcauses import LostCause, tally
from reconcile.report.document import scope
from reconcile.report.listed import lost_list, other_lists
from reconcile.report.picture import draw_run
from reconcile.report.reasons import ATTRIBUTIONS, fix, lost_rows_note, made_anew, root_cause
from reconcile.verdict import Verdict
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
    environment.filters |= {"seconds": _seconds, "rate": _rate, "utc": _utc, "seen": seen_words}
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
    suspected = judgement.suspicion.lost_events
    cases = judgement.lost_cases
    return {
        "facts": facts,
        "ruling": ruling,
        "verdict": ruling.verdict.value,
        "sign": _SIGNS[ruling.verdict],
        "expectation": {True: "met", False: "not met", None: "cannot be told"}[ruling.met],
        "counts": judgement.counts,
        "cells": judgement.cells,
        "equations": judgement.equations,
        "guards": judgement.guards,
        "outages": list(
            zip(judgement.outages, judgement.windows, judgement.recoveries, judgement.outage_rates, strict=True)
        ),
        "lost_outside": judgement.lost_outside,
        "behaviour": judgement.behaviour,
        "causes": [(code, LostCause(code).words, count) for code, count in tally(judgement.evidence).items()],
        "confirmation": history.confirmation,
        "picture": draw_run(judgement.timeline, judgement.outages, table.sent[cases], facts.started_at),
        "timeline": judgement.timeline,
        "suspected": suspected,
        "lost": lost_list(judgement),
        "made_anew": lost_rows_note(history, judgement),
        "anew": made_anew(history)[0].lower() + made_anew(history)[1:],
        "others": other_lists(judgement),
        "late": judgement.late.delays(),
        "root_cause": root_cause(history, judgement).replace("`", ""),
        "fix": fix(history, judgement).replace("`", ""),
        "scope": scope(facts),
        "attribution": ATTRIBUTIONS[facts.attribution],
        "started": iso_utc(facts.started_at),
        "command": " ".join(facts.command),
    }


def _seconds(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _utc(value: float | None) -> str:
    return "unknown" if value is None else iso_utc(value)
