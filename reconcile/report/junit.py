"""`junit.xml`: one test case for each guard and each expectation, as common CI reads it.

It says the same as the exit code: no failure and no error exactly when that is 0. So a vacuity guard that failed beside
proven violations, which stand, is told in its case's output and fails nothing.
"""

import re
import xml.etree.ElementTree as ET
from typing import Final

from reconcile.findings import Guard
from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.verdict import Verdict
from runlog import exitcodes
from runlog import marks as m
from runlog.clock import iso_utc

# What XML 1.0 cannot hold.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VIOLATIONS: Final = ("lost_events", "phantom_events", "lost_orders", "visible_after_reject")


def junit_report(history: History, judgement: Judgement) -> str:
    """Return the text of `junit.xml`."""
    facts, ruling = history.facts, judgement.ruling
    ended = history.marks[-1].at if history.marks else facts.started_at
    seconds = f"{max(0.0, ended - facts.started_at):.3f}"
    cases = [_completed(history, judgement), *_expectations(history, judgement)]
    cases += [_guard(guard, ruling.verdict is Verdict.INCONCLUSIVE) for guard in judgement.guards]
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
    told = {"verdict": ruling.verdict.value, "exit_code": str(ruling.exit_code), "scenario": facts.scenario}
    properties = ET.SubElement(suite, "properties")
    for name, value in {**told, **{key: str(judgement.counts[key]) for key in _VIOLATIONS}}.items():
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _completed(history: History, judgement: Judgement) -> ET.Element:
    case = _case("run", "completed")
    trouble = [mark for mark in history.marks if mark.name in {m.INTERRUPTED, m.FAILED, m.LISTENER}]
    if trouble:
        _say(case, "error", str(trouble[0].detail.get("reason", "the run did not end as planned")))
    elif judgement.ruling.exit_code == exitcodes.USAGE_OR_CRASH:
        _say(case, "error", "the harness is wrong: " + judgement.ruling.reason)
    return case


def _expectations(history: History, judgement: Judgement) -> list[ET.Element]:
    facts, ruling, counts = history.facts, judgement.ruling, judgement.counts
    verdict = _case("expectation", f"verdict as expected: {facts.expect}")
    if ruling.met is None:
        _say(verdict, "failure", f"inconclusive: {ruling.reason}")
    elif not ruling.met:
        _say(verdict, "failure", f"{ruling.verdict.value}: {ruling.reason}")
    if facts.expect != "consistent":
        return [verdict]
    cases = [verdict]
    for name in _VIOLATIONS:
        case = _case("expectation", f"no {name.replace('_', ' ')}")
        if counts[name]:
            _say(case, "failure", f"{counts[name]} {name.replace('_', ' ')}")
        cases.append(case)
    return cases


def _guard(guard: Guard, counts: bool) -> ET.Element:
    case = _case(f"guard.{guard.kind.value}", guard.name)
    if not guard.applies:
        _say(case, "skipped", guard.reason)
    elif not guard.passed and guard.harness_wrong:
        _say(case, "error", guard.reason)
    elif not guard.passed and counts:
        _say(case, "failure", guard.reason)
    else:
        state = "passed" if guard.passed else "failed, but what was proven stands"
        ET.SubElement(case, "system-out").text = _clean(f"{state}: {guard.reason}")
    return case


def _case(kind: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": kind, "name": _clean(name), "time": "0"})


def _say(case: ET.Element, what: str, message: str) -> None:
    said = ET.SubElement(case, what, {"message": _clean(message)})
    if what != "skipped":
        said.set("type", case.get("classname", ""))
        said.text = _clean(message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)


def _texts(totals: dict[str, int]) -> dict[str, str]:
    return {name: str(number) for name, number in totals.items()}
