"""The command `python -m reconcile show RUN ORDER_ID`. It reads the run's folder alone, no store."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from contract.order_id import IdKind, encode_text, parse_uuid
from files.safe_text import printable
from reconcile.history.history import History
from reconcile.history.run_record import RecordProblem, read_record
from reconcile.history.saved_witnesses import load_witnesses
from reconcile.judge.judge import Judgement
from reconcile.trace.trace import Trace, find_cases, trace_case
from reconcile.verify.verification import judge_as_saved
from redaction.parser import CarefulParser
from redaction.patterns import without_secrets
from runlog.clock import iso_utc
from runlog.exit_codes import AS_EXPECTED, USAGE_OR_CRASH
from runlog.folder import FolderError, RunFolder, find_run

_NUMBER: Final = re.compile(r"#?([0-9]{1,18})")


class TraceProblem(Exception):
    """There is no trace; the message is one sentence."""


def read_judged(folder: RunFolder) -> tuple[History, Judgement]:
    """Return a run as it was judged, from its folder alone.

    Raises:
        TraceProblem: it cannot be read, or was not judged.
    """
    try:
        record = read_record(folder)
        saved = load_witnesses(folder, record.facts.run_key)
        judged = None if saved is None else judge_as_saved(folder, record.with_witnesses(*saved))
    except (RecordProblem, ValueError) as problem:
        raise TraceProblem(str(problem)) from None
    if judged is None:
        raise TraceProblem(f"run {folder.run_id} has not been judged; run `python -m reconcile {folder.run_id}` first")
    return judged


def trace_text(history: History, judgement: Judgement, order: str) -> str:
    """Return the trace of the order that `order` names, as text.

    Raises:
        TraceProblem: the run has no such order.
    """
    return "\n".join(_text(trace, history) for trace in _traces(history, judgement, order))


def _traces(history: History, judgement: Judgement, order: str) -> list[Trace]:
    kind = history.facts.contract.id_kind
    try:
        cases = find_cases(history, judgement, _wanted(order, kind))
    except ValueError as problem:
        raise TraceProblem(str(problem)) from None
    if not cases and kind is IdKind.TEXT and (number := _NUMBER.fullmatch(order)):
        cases = find_cases(history, judgement, int(number[1]))
    if not cases:
        raise TraceProblem(
            f"ORDER_ID {order}: no ack, no row and no event of run {history.facts.run_id} names it; "
            "take an id from one of the run's lists"
        )
    return [trace_case(history, judgement, case) for case in cases]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 printed, 2 wrong arguments or an unknown order."""
    options = _parser().parse_args(arguments)
    try:
        folder = find_run(options.run, Path(options.runs_dir or os.environ.get("LOCUST_RUNS_DIR") or "runs"))
        history, judgement = read_judged(folder)
        traces = _traces(history, judgement, options.order)
    except (FolderError, TraceProblem) as problem:
        sys.stderr.write(f"show: {problem}\n")
        return USAGE_OR_CRASH
    if options.json:
        sys.stdout.write(json.dumps([asdict(trace) for trace in traces], indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(_text(trace, history) for trace in traces))
    return AS_EXPECTED


def _wanted(text: str, kind: IdKind) -> int | str:
    """Return a sequence number, or the text of an order id or customer id."""
    number = _NUMBER.fullmatch(text)
    if number is not None and (text.startswith("#") or kind is IdKind.UUID):
        return int(number[1])
    if kind is IdKind.TEXT or (parse_uuid(text) is not None and len(text) >= 32):
        return text
    if kind is IdKind.INTEGER and encode_text(kind, text) is not None:
        return text
    ids = "an order id or a customer id (UUIDs)"
    if kind is IdKind.INTEGER:
        ids = "an order id (a whole number), a customer id (a UUID)"
    raise ValueError(
        f"ORDER_ID {without_secrets(text)}: not the name of an order; give {ids} or a sequence number like #17"
    )


def _text(trace: Trace, history: History) -> str:
    start = history.facts.started_at
    lines = [f"order {trace.order_id or 'without a known id'}", ""]
    for step in trace.steps:
        when = "time unknown".ljust(40) if step.at is None else f"{iso_utc(step.at)} ({step.at - start:+9.3f} s)"
        lines.append(f"{when:<42}{step.witness:<12}{step.text}")
    lines.append("")
    for name, value in trace.facts.items():
        if value is None:
            continue
        shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        shown = ", ".join(value) or "nothing wrong" if isinstance(value, list) else shown
        lines.append(f"{name:<24}{shown}")
    return "\n".join(printable(line) for line in lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = CarefulParser(
        prog="python -m reconcile show",
        description="Print the trace of one order, from all witnesses, marks and logs of a run. Reads no store.",
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="folder of a run, its id, or `latest`")
    add(
        "order",
        metavar="ORDER_ID",
        help="order id (as the service writes it), customer id, or a sequence number like #17",
    )
    add("--runs-dir", metavar="DIR", help="folder of the runs (default: runs) [LOCUST_RUNS_DIR]")
    add("--json", action="store_true", help="print JSON")
    return parser
