"""`report.json`: everything that was found, for programs. Unknown is null; the order of keys is fixed."""

import json
import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from contract.event import Why
from reconcile.analysis.failure_window import FailureWindow
from reconcile.analysis.lost_causes import tally
from reconcile.analysis.recovery import OutageRates, Recovery
from reconcile.history.history import History
from reconcile.judge.findings import Guard
from reconcile.judge.judge import Judgement
from reconcile.report.sentences import verdict
from reconcile.report.shown_options import shown_options
from runlog.outages import Outage

SCHEMA_VERSION: Final = 1


def json_report(history: History, judgement: Judgement) -> str:
    return json.dumps(report_document(history, judgement), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_document(history: History, judgement: Judgement) -> dict[str, Any]:
    """Return the value of `report.json`. Times in epoch seconds, durations in seconds, rates in orders/s."""
    facts, ruling = history.facts, judgement.ruling
    document = {
        "schema_version": SCHEMA_VERSION,
        "run_id": facts.run_id,
        "verdict": ruling.verdict.value,
        "reason": ruling.reason,
        "expect": facts.expect,
        "expect_source": facts.expect_source,
        "expectation_met": ruling.met,
        "exit_code": ruling.exit_code,
        "exit_code_raised_by": list(ruling.raised_by),
        "scope": verdict.scope(history, judgement),
        "attribution": facts.attribution,
        "scenario": facts.scenario,
        "stack": facts.stack,
        "service_variant": facts.service_variant,
        "started_at": facts.started_at,
        "settle_s": facts.settle_s,
        "counts": judgement.counts,
        "cells": judgement.cells,
        "equations": [asdict(equation) | {"holds": equation.holds} for equation in judgement.equations],
        "outages": [
            _outage(*parts)
            for parts in zip(
                judgement.outages, judgement.windows, judgement.recoveries, judgement.outage_rates, strict=True
            )
        ],
        "lost_outside_outages": judgement.lost_outside,
        "lost_without_send_time": judgement.lost_unplaced,
        "causes": tally(judgement.evidence),
        "late_delay": judgement.late.delays(),
        "behaviour": judgement.behaviour,
        "confirmation": _confirmation(history),
        "rejected_records": {Why(why).name.lower(): number for why, number in sorted(history.events.rejected.items())},
        "named_at": history.events.named_at,
        "guards": [_guard(guard) for guard in judgement.guards],
        "rate": judgement.rate,
        "timeline": judgement.timeline,
        "gap": judgement.gap.document(),
        "command": facts.command,
        "options": shown_options(facts),
        "versions": facts.versions,
    }
    plain: dict[str, Any] = to_plain(document)
    return plain


def to_plain(value: Any) -> Any:
    """Return `value` with numpy types as Python's own and NaN or infinity as None."""
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, float):
        # Anything below a microsecond is noise of subtracting two epochs.
        return round(value, 6) if math.isfinite(value) else None
    return value


def _outage(outage: Outage, window: FailureWindow, recovery: Recovery, rates: OutageRates) -> dict[str, Any]:
    return {
        "index": outage.index,
        "fault": outage.fault,
        "target": outage.target,
        "marks": {
            "injecting": outage.injecting,
            "injected": outage.injected,
            "healing": outage.healing,
            "healed": outage.healed,
        },
        "down_edge": outage.down_edge,
        "up_edge": outage.up_edge,
        "healed_by": outage.healed_by,
        "seen": outage.seen,
        "recovery": asdict(recovery),
        "per_second": asdict(rates),
        "failure_window": {
            "first_sent_at": window.first_sent_at,
            "last_sent_at": window.last_sent_at,
            "lead_s": window.lead_s,
            "tail_s": window.tail_s,
            "lost": window.lost,
            "sent": window.sent,
            "density": window.density,
            "lost_before_injecting": window.before,
            "lost_after_healed": window.after,
        },
    }


def _confirmation(history: History) -> dict[str, Any] | None:
    second = history.confirmation
    if second is None:
        return None
    wrong = {"refuted": second.refuted, "unsettled": second.unsettled, "disputed": second.disputed}
    return {
        "eligible": second.eligible,
        "checked": second.checked,
        "confirmed": second.confirmed,
        **{
            name: [{"order_id": c.order_id, "kind": c.kind, "said": c.said, "found": c.found} for c in found]
            for name, found in wrong.items()
        },
        "complete": second.complete,
        "problem": second.problem,
    }


def _guard(guard: Guard) -> dict[str, Any]:
    return {
        "name": guard.name,
        "kind": guard.kind.value,
        "applies": guard.applies,
        "passed": guard.passed if guard.applies else None,
        "reason": guard.reason,
    }
