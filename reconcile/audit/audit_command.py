"""The command `python -m reconcile audit`: options in, one audit, a summary or JSON out, an exit code.

It only reads: in read-only transactions, with a consumer that neither joins a group nor commits, and without a topic of
its own.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from contract.contract import contract_from_texts
from files.output_streams import complain
from reconcile.audit.audit_ruling import EXPECTATIONS, AuditFindings, rule
from redaction.parser import CarefulParser, warn_of_password
from redaction.patterns import without_secrets
from runlog.clock import iso_utc
from runlog.exit_codes import INCONCLUSIVE, NOT_READY, SIGINT, USAGE_OR_CRASH
from settings.duration import parse_duration
from settings.errors import SettingsError
from settings.external import ExternalSettings
from settings.option import Option
from settings.stack_options import WitnessOptions

if TYPE_CHECKING:
    from reconcile.audit.audit_plan import AuditPlan

_EPILOG: Final = """exit codes:
  0  verdict reached, and as expected     1  verdict reached, and not as expected
  2  wrong option, or a crash             3  inconclusive: the reason says why
  4  a store cannot be reached

Nothing is written to either store. LOCUST_DATABASE_URL, LOCUST_KAFKA_BOOTSTRAP and LOCUST_KAFKA_CONFIG may give the
connections, which keeps secrets out of the list of processes. What an audit proves, and what not: docs/audit.md."""
_LIKE_A_RUN: Final[tuple[Option[Any], ...]] = (
    ExternalSettings.kafka_bootstrap,
    ExternalSettings.kafka_config,
    WitnessOptions.topic,
    ExternalSettings.orders_table,
    ExternalSettings.event_id,
    ExternalSettings.event_filter,
    ExternalSettings.outbox_table,
    WitnessOptions.vouch_topic_intact,
)
_LONGEST_GRACE_S: Final = 7 * 24 * 3600.0
_AGO: Final = re.compile(r"(\d+)d")


class UsageProblem(Exception):
    """An option is wrong; the message is one sentence."""


class _Parser(CarefulParser):
    def error(self, message: str) -> NoReturn:
        raise UsageProblem(f"{without_secrets(message)}; --help lists the options")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        options = _parser().parse_args(arguments)
        warn_of_password(options.database_url)
        return _audit(options)
    except UsageProblem as wrong:
        complain(f"audit: {wrong}")
        return USAGE_OR_CRASH
    except KeyboardInterrupt:
        complain("audit: interrupted")
        return SIGINT


def _audit(options: argparse.Namespace) -> int:
    # Imported here, so that a wrong option is reported before drivers load.
    from reconcile.audit.audit import Unprovable, audit
    from reconcile.witnesses.progress import show_progress
    from stores.kafka_client import KafkaProblem, NoSuchTopic
    from stores.postgres import DatabaseProblem, UnreadableUrl
    from stores.relation import TableMismatch

    plan = _plan(options)
    started = False

    def note_progress(what: str, done: int, total: int | None) -> None:
        nonlocal started
        started = True
        progress(what, done, total)

    try:
        with show_progress(options.quiet) as progress:
            found = audit(plan, note_progress)
    except (TableMismatch, UnreadableUrl) as problem:
        raise UsageProblem(str(problem)) from None
    except NoSuchTopic as problem:
        raise UsageProblem(f"--topic {options.topic}: {problem}") from None
    except (DatabaseProblem, KafkaProblem, Unprovable) as problem:
        complain(f"audit: {problem}")
        return INCONCLUSIVE if started or isinstance(problem, Unprovable) else NOT_READY
    return _report(options, found, plan.grace_s)


def _plan(options: argparse.Namespace) -> "AuditPlan":
    from reconcile.audit.audit_plan import AuditPlan
    from reconcile.witnesses.witness_stores import StoresProblem, make_stores

    since = _since(options.since)
    grace = _duration("--grace", options.grace)
    try:
        for option in _LIKE_A_RUN:
            option.parse(str(getattr(options, option.dest)))
        event = contract_from_texts(event_id=options.event_id, event_filter=options.event_filter).event
    except SettingsError as error:
        raise UsageProblem(str(error)) from None
    try:
        stores = make_stores(options)
    except StoresProblem as problem:
        raise UsageProblem(str(problem)) from None
    return AuditPlan(
        database_url=stores.database_url,
        kafka=stores.kafka,
        table=options.orders_table,
        id_column=options.orders_id_column,
        time_column=options.orders_time_column,
        topic=options.topic,
        event=replace(event, tag_place=None),
        grace_s=grace,
        since=since,
        time_zone=options.time_zone,
        outbox=options.outbox_table or None,
        vouched=options.vouch_topic_intact,
    )


def _report(options: argparse.Namespace, found: AuditFindings, grace: float) -> int:
    from reconcile.audit.audit_output import json_text, print_audit, write_lists

    ruling = rule(found, options.expect)
    if options.output:
        try:
            write_lists(Path(options.output), found)
        except OSError as error:
            why = (error.strerror or "not writable").lower()
            raise UsageProblem(f"--output {options.output}: {why}; give another folder") from None
    if options.json:
        sys.stdout.write(json_text(found, ruling, options.expect, grace))
    elif not options.quiet:
        print_audit(found, ruling, options.expect, grace)
    return ruling.exit_code


def _since(text: str | None) -> float | None:
    if text is None:
        return None
    now = datetime.now(UTC).timestamp()
    moment = _moment(text, now)
    if moment is None:
        raise UsageProblem(f"--since {text}: give a time with its time zone (2026-11-01T00:00Z) or an age (7d)")
    if moment > now:
        raise UsageProblem(f"--since {text}: that is in the future, now is {iso_utc(now)}; give an earlier time")
    if moment < 0:
        raise UsageProblem(
            f"--since {text}: that is before 1970; leave --since out to judge all that the topic can show"
        )
    return moment


def _moment(text: str, now: float) -> float | None:
    days = _AGO.fullmatch(text)
    try:
        return now - (float(days[1]) * 86400 if days else parse_duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None


def _duration(option: str, text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise UsageProblem(f"{option} {text}: not a duration; give one like 60s, 5m or 24h") from None
    if not 0 <= seconds <= _LONGEST_GRACE_S:
        raise UsageProblem(f"{option} {text}: out of bounds; give 0s to 168h")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m reconcile audit",
        description="Compare a live table of orders with a live topic of their events, and name every order whose "
        "event is missing and every event whose order is missing. No load, no fault; nothing is written.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--database-url", metavar="URL", help="postgresql://user:password@host:port/name [LOCUST_DATABASE_URL]")
    for option in _LIKE_A_RUN:
        option.add_to(parser)
    add("--orders-id-column", metavar="NAME", default="id", help="its column with the order id (default: id)")
    add("--orders-time-column", metavar="NAME", default="created_at", help="when a row was made (default: created_at)")
    add("--time-zone", metavar="ZONE", help="of a time column without time zone (default: inferred from recent events)")
    add("--since", metavar="WHEN", help="judge rows from then on: 36h, 7d, or a time with its time zone")
    add("--grace", metavar="TIME", default="60s", help="rows younger than this are not judged (default: 60s)")
    add("--expect", choices=EXPECTATIONS, default="consistent", help="what makes the exit code 0 (default: consistent)")
    add("--json", action="store_true", help="print one JSON document with every id instead of the summary")
    add("--output", metavar="DIR", help="write the lists as CSV into this folder")
    add("--quiet", action="store_true", help="no progress and no summary, only the exit code")
    return parser
