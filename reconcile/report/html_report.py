"""`report.html`: the run on one page that needs no network.

The page is a template (Jinja2, which escapes everything by default); this file gathers what it shows. Its scripts
search the lists of orders and read the picture; without them the first orders of each list and the picture are there.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup, escape

from look.assets import digest, figure_script, style
from look.figure import figure
from look.gap import TITLES
from reconcile.analysis.lost_causes import LostCause
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.glossary import GLOSSARY
from reconcile.report.run_chart import run_chart
from reconcile.report.sentences import behaviour, explanations, gap, guards, losses, outages, verdict
from reconcile.report.sentences.cards import cards
from reconcile.report.shown_options import shown_options
from reconcile.report.text_format import capital, duration_if_known, moment
from reconcile.report.violation_kinds import LOST, SUSPECTED_LOST
from reconcile.report.violation_lists import other_lists, violation_list
from runlog.clock import iso_utc

_FOLDER: Final = Path(__file__).parent / "templates"
_PARTS: Final = re.compile(r"[^/:@,=&?._;-]*[/:@,=&?._;-]*")
_UNIT: Final = re.compile(r"(?<=\d) (?=(?:ms|s|min|%|orders/s)(?!\w))")
_WHOLE: Final = re.compile(
    r"\b\d{4}-\d\d-\d\dT[\d:.]+Z|[\d:.]+ UTC|\b\d{8}-\d{6}-[0-9a-f]{4}\b|(?<![\w-])--[a-z][a-z-]*"
)
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
    started_at = history.facts.started_at
    environment.filters |= {
        "capital": capital,
        "seconds": lambda value: prose(duration_if_known(value)),
        "moment": partial(moment, started_at=started_at),
        "breakable": breakable,
        "prose": prose,
        "linked": linked,
    }
    scripts = [figure_script(), (_FOLDER / "report.js").read_text(encoding="utf-8")]
    page = environment.get_template("report.html.j2")
    return page.render(
        **_context(history, judgement),
        scripts=scripts,
        digests=" ".join(map(digest, scripts)),
        style=style() + (_FOLDER / "report.css").read_text(encoding="utf-8"),
    )


def breakable(text: str) -> Markup:
    """Return `text` with places at which a line may break: paths and addresses are longer than a narrow screen."""
    return Markup("<wbr>").join(escape(part) for part in _PARTS.findall(text))


def linked(text: str) -> Markup:
    """Return `text` with the file that it names as a link."""
    name = "lost-events.ndjson"
    return Markup(str(escape(text)).replace(name, f'<a href="{name}">{name}</a>', 1))  # noqa: S704


def prose(text: str) -> Markup:
    """Return `text` with its times, ids and numbers with units kept whole: a line may break within them otherwise."""
    kept = _UNIT.sub("\N{NO-BREAK SPACE}", str(escape(text)))
    return Markup(_WHOLE.sub(r'<span class="whole">\g<0></span>', kept))  # noqa: S704


def _context(history: History, judgement: Judgement) -> dict[str, Any]:
    facts, ruling = history.facts, judgement.ruling
    chart = run_chart(history, judgement)
    lost, others = violation_list(judgement, LOST, facts.started_at), other_lists(judgement, facts.started_at)
    suspected = next((one for one in others if one.path == SUSPECTED_LOST.path), None)
    return {
        "facts": facts,
        "ruling": ruling,
        "verdict": ruling.verdict.value,
        "sign": _SIGNS[ruling.verdict],
        "reason": verdict.reason(history, judgement),
        "expectation": verdict.expectation(history, judgement),
        "scope": verdict.scope(history, judgement),
        "counts": judgement.counts,
        "cards": cards(history, judgement),
        "cells": judgement.cells,
        "equations": judgement.equations,
        "guards": judgement.guards,
        "guards_passed": guards.guards(history, judgement),
        "guards_mean": guards.meaning(history, judgement),
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
        "picture": None if chart is None else figure(chart),
        "picture_title": TITLES[judgement.gap.outcome],
        "untimed": gap.untimed(history, judgement),
        "timeline": judgement.timeline,
        "lost": lost,
        "causes_of": lost if lost.total else suspected,
        "none_lost": losses.none_lost(judgement),
        "lost_rows": losses.lost_rows(history, judgement),
        "others": others,
        "late": losses.late_delays(history, judgement),
        "root_cause": explanations.root_cause(history, judgement),
        "fix": explanations.fix(history, judgement),
        "fix_code": explanations.fix_code(history, judgement),
        "glossary": GLOSSARY,
        "fault": explanations.fault(history, judgement),
        "infrastructure": explanations.infrastructure(history, judgement),
        "attribution": verdict.attribution(history, judgement),
        "started": f"{iso_utc(facts.started_at)[:19].replace('T', ' ')} UTC",
        "command": " ".join(facts.command),
        "options": {name: text for name, text in shown_options(facts).items() if text},
    }
