"""`junit.xml`: one test case for each guard and each expectation, as common CI reads it.

It has a failure or an error exactly when the exit code is not 0. What is unknown is neither green nor red: it is
skipped, with a message that begins with "inconclusive". So is a guard that failed beside proven violations, which
stand.
"""

import re
import xml.etree.ElementTree as ET
from typing import Final

from reconcile.history.history import History
from reconcile.judge.findings import Guard
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences import guards, losses, verdict
from reconcile.report.violation_kinds import KINDS, LOST, Kind, doubts_about
from runlog import marks as m
from runlog.clock import iso_utc

# What XML 1.0 cannot hold.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(history: History, judgement: Judgement) -> str:
    facts, ruling = history.facts, judgement.ruling
    ended = history.marks[-1].at if history.marks else facts.started_at
    seconds = f"{max(0.0, ended - facts.started_at):.3f}"
    cases = [_completed(history, judgement), *_expectations(history, judgement)]
    cases += [_guard(guard, ruling.verdict is Verdict.INCONCLUSIVE) for guard in judgement.guards]
    if ruling.exit_code and not any(case.find(tag) is not None for case in cases for tag in ("failure", "error")):
        why = "; ".join([verdict.expectation(history, judgement), *ruling.raised_by])
        _add(case := _case("run", "exit code 0"), "failure", why)
        cases.append(case)
    totals = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    root = ET.Element("testsuites", {"name": "locust-chaos-harness", **_texts(totals), "time": seconds})
    when = iso_utc(facts.started_at).removesuffix("Z").partition(".")[0]
    suite = ET.SubElement(
        root, "testsuite", {"name": _clean(facts.run_id), **_texts(totals), "time": seconds, "timestamp": when}
    )
    shown = {"verdict": ruling.verdict.value, "exit_code": str(ruling.exit_code), "scenario": facts.scenario}
    properties = ET.SubElement(suite, "properties")
    for name, value in {**shown, **{kind.key: str(judgement.counts[kind.key]) for kind in KINDS}}.items():
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _completed(history: History, judgement: Judgement) -> ET.Element:
    case = _case("run", "completed")
    trouble = [mark for mark in history.marks if mark.name in {m.INTERRUPTED, m.FAILED}]
    if trouble:
        _add(case, "error", trouble[0].reason)
    elif any(guard.failed and guard.harness_wrong for guard in judgement.guards):
        _add(case, "error", "the harness is wrong: " + verdict.reason(history, judgement))
    elif all(mark.name != m.ENDED for mark in history.marks):
        _add(case, "skipped", "inconclusive: the run has no end mark")
    return case


def _expectations(history: History, judgement: Judgement) -> list[ET.Element]:
    facts, ruling = history.facts, judgement.ruling
    expected = _case("expectation", f"verdict as expected: {facts.expect}")
    if not ruling.met:
        found = [losses.in_words(judgement, kind) for kind in KINDS if judgement.counts[kind.key]]
        why = f"{ruling.verdict.value}: {verdict.reason(history, judgement)}"
        _add(expected, "failure", "; ".join([why, *found]))
    if facts.expect != "consistent":
        return [expected]
    return [expected, *(_none_of(history, judgement, kind) for kind in KINDS if kind.doubts is None)]


def _none_of(history: History, judgement: Judgement, kind: Kind) -> ET.Element:
    """Return the case that no order is of `kind`; skipped where that is unknown."""
    case, counts = _case("expectation", f"no {losses.plural(kind)}"), judgement.counts
    least = counts["lost_at_least"] if kind is LOST else 0
    doubts = [losses.in_words(judgement, one) for one in doubts_about(kind.key) if counts[one.key]]
    failed = guards.failed_guards(judgement)
    if counts[kind.key]:
        _add(case, "failure", losses.in_words(judgement, kind))
    elif least:
        _add(case, "failure", "; ".join([f"at least {least} lost", *doubts]))
    elif doubts:
        _add(case, "skipped", "inconclusive: " + "; ".join(doubts))
    elif failed:
        _add(case, "skipped", f"inconclusive: {guards.failed_guard(failed[0])}")
    return case


def _guard(guard: Guard, inconclusive: bool) -> ET.Element:
    case = _case(f"guard.{guard.kind.value}", guard.name)
    if not guard.applies:
        _add(case, "skipped", guard.reason)
    elif not guard.passed and guard.harness_wrong:
        _add(case, "error", guard.reason)
    elif not guard.passed and inconclusive:
        _add(case, "failure", guard.reason)
    elif not guard.passed:
        _add(case, "skipped", f"inconclusive: {guard.reason}; what was proven stands")
    else:
        ET.SubElement(case, "system-out").text = _clean(guard.reason)
    return case


def _case(kind: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": kind, "name": _clean(name), "time": "0"})


def _add(case: ET.Element, tag: str, message: str) -> None:
    added = ET.SubElement(case, tag, {"message": _clean(message)})
    if tag != "skipped":
        added.set("type", case.get("classname", ""))
        added.text = _clean(message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)


def _texts(totals: dict[str, int]) -> dict[str, str]:
    return {name: str(number) for name, number in totals.items()}
