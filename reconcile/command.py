"""The command `python -m reconcile RUN`: judges one run from its folder and writes the reports into it.

PostgreSQL and Kafka are read once, and what was read is saved. If it is complete, judging again touches no store and
writes the same bytes; if not, the stores are read again.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from files.output_streams import complain
from files.paths import reason
from files.safe_files import OtherFormat, check_format, encodable, read_regular
from reconcile import later_records
from reconcile.history.history import EventsWitness, History, RowsWitness
from reconcile.history.run_attribution import attribution_of
from reconcile.history.run_record import Record, RecordProblem, read_record
from reconcile.history.saved_witnesses import load_witnesses, save_witnesses
from reconcile.judge.judge import Judgement, judge, with_confirmation
from reconcile.report import write_reports
from reconcile.report.json_report import SCHEMA_VERSION, json_report
from reconcile.report.step_summary import step_summary
from reconcile.report.summary import print_summary, shown_path
from reconcile.verify.verification import judge_as_saved, saved_verification, unverified, verify
from reconcile.witnesses.progress import show_progress
from reconcile.witnesses.witness_stores import Stores, StoresProblem, make_stores, read_stores
from redaction.parser import CarefulParser, warn_of_password
from runlog.exit_codes import USAGE_OR_CRASH
from runlog.folder import FolderError, RunFolder, find_run
from runlog.locks import JudgedElsewhere, is_recorded, judging

_CODES: Final = """exit codes:
  0    verdict reached, and as expected
  1    verdict reached, and not as expected
  2    usage error, a run that is still running, or the harness itself is wrong (the counts do not add up)
  3    inconclusive: a guard failed, the run proves nothing either way
  4    preflight failed, or the target could not be restored
  130  the run was interrupted (SIGINT); 143: SIGTERM
Several at once: not restored, then 2, 130/143, preflight, 3, 1, 0.

The connection options are needed for --look-again, and until rows and events are completely saved in the run's folder.
Each can come from its environment variable, which keeps secrets out of the list of processes.

`python -m reconcile check` is used by preflight: it reads one request as JSON on standard input, and reports what a run
could not read of the check order."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    warn_of_password(options.database_url)
    try:
        folder = find_run(options.run, Path(options.runs_dir or os.environ.get("LOCUST_RUNS_DIR") or "runs"))
        with judging(folder, lambda text: complain(f"reconcile: {text}")):
            if is_recorded(folder):
                raise RecordProblem(
                    f"run {folder.run_id} is still running; judge it when it has ended (nothing was read or written)"
                )
            _check_report(folder)
            record = read_record(folder)
            if options.look_again:
                return _read_later(folder, record, options)
            rows, events = _witnesses(folder, record, options)
            history = record.with_witnesses(rows, events)
            history, judgement = _verified(folder, history, options)
            write_reports(folder, history, judgement)
    except (FolderError, JudgedElsewhere, RecordProblem, StoresProblem) as problem:
        complain(f"reconcile: {problem}")
        return USAGE_OR_CRASH
    except OSError as error:
        complain(f"reconcile: the reports of {options.run} cannot be written: {reason(error)}")
        return USAGE_OR_CRASH
    _fill_step_summary(history, judgement, folder)
    if options.json and not options.quiet:
        sys.stdout.write(json_report(history, judgement))
    elif not options.quiet:
        print_summary(Console(), history, judgement, Path(options.run) if Path(options.run).is_dir() else folder.path)
    return judgement.ruling.exit_code


class _Head(msgspec.Struct):
    schema_version: int


def _check_report(folder: RunFolder) -> None:
    """Refuse to write over a report of another format; a damaged one is replaced."""
    try:
        check_format(msgspec.json.decode(read_regular(folder.report), type=_Head).schema_version, SCHEMA_VERSION)
    except OtherFormat as other:
        raise RecordProblem(f"{folder.report.name} of run {folder.run_id} {other}") from None
    except (OSError, ValueError, RecursionError):
        return


def _verified(folder: RunFolder, history: History, options: argparse.Namespace) -> tuple[History, Judgement]:
    """Judge the run, verify its violations, and judge it with the result."""
    judgement = judge(history)
    found = saved_verification(folder, judgement)
    if found is None and not (history.rows.complete and history.events.complete):
        found = unverified(judgement, "the first reading was not complete")
    if found is None:
        try:
            stores = _stores(options)
        except StoresProblem as problem:
            found = unverified(judgement, str(problem))
        else:
            with show_progress(options.quiet or options.json) as progress:
                found = verify(folder, stores, history, judgement, progress)
    history = found.added_to(history)
    return history, with_confirmation(judgement, history)


def _read_later(folder: RunFolder, record: Record, options: argparse.Namespace) -> int:
    """Read on from where the run's reading ended, and print what came since; the run's own files stay unchanged."""
    saved = load_witnesses(folder, record.facts.run_key)
    if saved is None or not (saved[0].complete and saved[1].complete):
        raise RecordProblem(
            f"--look-again: run {folder.run_id} was not read completely yet; run python -m reconcile without it first"
        )
    history, judgement = judge_as_saved(folder, record.with_witnesses(*saved))
    attribution = attribution_of(record.facts, record.ledger, record.marks, record.names)
    with show_progress(options.quiet or options.json) as progress:
        found = later_records.read_later_records(history, judgement, _stores_of(record, options), attribution, progress)
    later_records.write_list(folder, judgement, found)
    if options.json:
        sys.stdout.write(
            msgspec.json.format(msgspec.json.encode(later_records.document(history, judgement, found))).decode()
        )
        sys.stdout.write("\n")
    elif not options.quiet:
        sys.stdout.write(
            later_records.summary(history, judgement, found, str(shown_path(folder.path) / later_records.LIST))
        )
    return found.exit_code


def _stores(options: argparse.Namespace) -> Stores:
    """Return where the stores are. Made once: a pipe with the properties can be read only once."""
    if options.stores is None:
        options.stores = make_stores(options)
    stores: Stores = options.stores
    return stores


def _stores_of(record: Record, options: argparse.Namespace) -> Stores:
    """Return where the stores of a run are; where it is not said, and the stack is our own, say what starts that."""
    try:
        return _stores(options)
    except StoresProblem as problem:
        if record.facts.stack != "embedded":
            raise
        run, more = record.facts.run_id, " --look-again" if options.look_again else ""
        command = f".venv/bin/python -m stack with .venv/bin/python -m reconcile {run}{more}"
        raise StoresProblem(
            f"run {run} has to be read from the embedded stack: `{command}` starts that and reads it ({problem})"
        ) from None


def _witnesses(folder: RunFolder, record: Record, options: argparse.Namespace) -> tuple[RowsWitness, EventsWitness]:
    try:
        saved = load_witnesses(folder, record.facts.run_key)
    except ValueError as error:
        raise RecordProblem(str(error)) from None
    if saved is not None and saved[0].complete and saved[1].complete:
        return saved
    stores = _stores_of(record, options)
    # Complete rows are still valid: rows are always older than the events that they are compared with.
    kept = saved[0] if saved is not None and saved[0].complete else None
    with show_progress(options.quiet or options.json) as progress:
        attribution = attribution_of(record.facts, record.ledger, record.marks, record.names)
        rows, events = read_stores(stores, record.facts, attribution, kept, progress)
    save_witnesses(folder, record.facts.run_key, rows, events)
    return rows, events


def _fill_step_summary(history: History, judgement: Judgement, folder: RunFolder) -> None:
    """Append to the summary of a CI job, if it asks for one; a failure to write changes no verdict."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(encodable(step_summary(history, judgement, str(shown_path(folder.path)))))
    except OSError as error:
        complain(f"warning: GITHUB_STEP_SUMMARY {path} cannot be written: {reason(error)}")


def _parser() -> argparse.ArgumentParser:
    parser = CarefulParser(
        prog="python -m reconcile",
        usage="python -m reconcile RUN [options]\n       python -m reconcile show RUN ORDER_ID\n"
        "       python -m reconcile audit --database-url URL --kafka-bootstrap HOST:PORT [options]",
        description="Compare the three witnesses of every order (ack, row, event) and list each lost event. The exit "
        "code says whether that was expected. Reports are written into the run's folder.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(stores=None)
    add = parser.add_argument
    add("run", metavar="RUN", help="folder of a run, its id, or `latest`")
    add("--runs-dir", metavar="DIR", help="folder of the runs (default: runs) [LOCUST_RUNS_DIR]")
    add("--database-url", metavar="URL", help="postgresql://user:password@host:port/name [LOCUST_DATABASE_URL]")
    add("--kafka-bootstrap", metavar="HOST:PORT", help="a broker to begin with [LOCUST_KAFKA_BOOTSTRAP]")
    add("--kafka-config", metavar="FILE", help="client properties, name=value a line (SASL, TLS) [LOCUST_KAFKA_CONFIG]")
    add(
        "--look-again",
        action="store_true",
        help="read on from where the run's reading ended, and list which missing orders and events came since; reports "
        "and witnesses stay unchanged. Exit code 0: nothing is missing any more, 1: something is, 3: unknown",
    )
    add("--json", action="store_true", help="print report.json instead of the summary")
    add("--quiet", action="store_true", help="print nothing, set only the exit code")
    return parser
