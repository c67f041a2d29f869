"""`python -m stack clean RUN`: deletes one run's rows from the database, and its topic if that is ours.

Refusals come before any deletion: a run that is still recorded or not judged completely (its rows are evidence), a
topic that other runs need, a database that does not answer.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.order_id import decode_order_id, encode_text
from files.paths import reason
from files.safe_files import read_json
from health.check import check_kafka, check_sql
from redaction.patterns import without_secrets
from runlog import marks
from runlog.facts import RunFacts
from runlog.folder import FolderError, RunFolder, find_run, runs_in
from runlog.judgement_status import saved_row_ids, why_not_judged
from runlog.ledger import read_ledger
from runlog.locks import is_in_use
from runlog.marks import read_marks
from runlog.order_id_texts import read_order_id_texts
from stack import delete_topic
from stack.delete_rows import RunRows, remove_rows
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stores.variables import ignore_client_variables

_HEALTH_S = 5.0
_EMBEDDED = "embedded"


class WrongOption(Exception):
    """An option of the command is wrong; the message is one sentence, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class _Stores:
    """Where the run's rows and records are; `bootstrap` only for the embedded stack. `database_url` is secret."""

    database_url: str
    where: str
    bootstrap: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run", nargs="?", metavar="RUN", help="a run's folder, its id, or `latest`: delete only the rows of this run")
    add("--dry-run", action="store_true", help="with RUN: show what would be deleted, and delete nothing")
    add("--topic", action="store_true", help="with RUN: delete its topic too (only of the embedded stack)")
    add("--runs-dir", metavar="DIR", help="with RUN: folder of the runs (default: runs) [LOCUST_RUNS_DIR]")
    help_url = "with RUN of another stack than the embedded one: its database [LOCUST_DATABASE_URL]"
    add("--database-url", metavar="URL", help=help_url)


def check_without_run(arguments: argparse.Namespace) -> None:
    """Raise WrongOption if an option needs a RUN and none is named: the stack's data must not be deleted instead."""
    given = {
        "--dry-run": arguments.dry_run,
        "--topic": arguments.topic,
        "--runs-dir": arguments.runs_dir is not None,
        "--database-url": arguments.database_url is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise WrongOption(f"{option} needs a RUN: name a run's folder, its id, or `latest`")


def clean_run(
    arguments: argparse.Namespace,
    stack: EmbeddedStack,
    say: Callable[[str], None],
    respect_lease: Callable[[], None],
) -> None:
    """Delete the rows of one run.

    Args:
        arguments: as declared by `add_arguments`, and `force`.
        respect_lease: raises when a running harness uses the embedded stack.

    Raises:
        WrongOption: RUN or an option is wrong; nothing was changed.
        StackError: it is refused or failed; the text says whether anything was deleted.
    """
    runs_dir = Path(arguments.runs_dir or os.environ.get("LOCUST_RUNS_DIR") or "runs")
    folder, facts = _find(arguments.run, runs_dir)
    _check_options(arguments, facts)
    if is_in_use(folder):
        raise StackError(f"run {folder.run_id} is still recorded or judged: wait until it has ended")
    lacking = why_not_judged(folder)
    if lacking and not arguments.force:
        raise StackError(
            f"run {folder.run_id} is not judged completely ({lacking}), so its rows are still evidence: run "
            f"'python -m reconcile {folder.run_id}' first, or add --force to give it up"
        )
    if facts.stack == _EMBEDDED:
        respect_lease()
    rows = _rows_of(folder, facts)
    stores = _stores(arguments, stack, facts)
    if arguments.topic:
        _check_topic(stores, folder, facts, runs_dir)
    counts = remove_rows(stores.database_url, rows, dry_run=arguments.dry_run)
    word = "would delete" if arguments.dry_run else "deleted"
    say(f"run {folder.run_id}, {stores.where}: {word}")
    for table, count in counts.items():
        say(f"  {table:<16} {count:>9} row{'' if count == 1 else 's'}")
    if arguments.topic:
        _remove_topic(stores, facts, say, dry_run=arguments.dry_run)


def _find(text: str, runs_dir: Path) -> tuple[RunFolder, RunFacts]:
    if not text.strip():
        raise WrongOption("RUN is empty: name a run's folder, its id, or `latest`")
    try:
        folder = find_run(text, runs_dir)
        return folder, RunFacts.read(folder)
    except FolderError as error:
        raise WrongOption(str(error)) from None
    except OSError as error:
        raise WrongOption(f"RUN {without_secrets(text)}: its run.json cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:160]
        raise WrongOption(f"RUN {without_secrets(text)}: its run.json is damaged: {words}") from None


def _check_options(arguments: argparse.Namespace, facts: RunFacts) -> None:
    if facts.stack == _EMBEDDED and arguments.database_url is not None:
        raise WrongOption(
            f"--database-url: run {facts.run_id} was on the embedded stack, whose own database is used; leave it out"
        )
    if facts.stack != _EMBEDDED and arguments.topic:
        raise WrongOption(
            f"--topic: run {facts.run_id} was on the stack `{facts.stack}`, which is not ours, so its topic "
            f"{facts.topic.name} stays; leave --topic out"
        )


def _rows_of(folder: RunFolder, facts: RunFacts) -> RunRows:
    """The run's rows; raises StackError if its files are incomplete or damaged."""
    shape: dict[str, Any] = {
        "id_column": facts.contract.table.id_column,
        "tag_column": facts.contract.table.tag_column or "",
        "time_column": facts.contract.table.time_column,
    }
    try:
        own = _own_orders(folder, facts)
        if facts.attribution == "tagged":
            return RunRows(facts.contract.table.name, facts.contract.table.outbox, own, facts.run_key, **shape)
        known = saved_row_ids(folder)
        saved = [] if known is None else [identity.tobytes() for identity in known]
        attempts = read_ledger(folder.ledger).attempts
        acknowledged = [raw.tobytes() for raw in attempts["order_id"][attempts["has_id"] != 0]]
        ids = _texts(folder, facts, {*saved, *acknowledged})
    except OSError as error:
        raise StackError(
            f"run {folder.run_id} is incomplete: {Path(str(error.filename)).name}: {reason(error)}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise StackError(f"run {folder.run_id} is damaged: {' '.join(str(error).split())[:160]}") from None
    return RunRows(
        facts.contract.table.name,
        facts.contract.table.outbox,
        own,
        None,
        ids=sorted(ids - set(own)),
        # A wrong answer may name an older order of another client.
        after=facts.database_time if facts.attribution == "exclusive" else None,
        **shape,
    )


def _texts(folder: RunFolder, facts: RunFacts, ids: set[bytes]) -> set[str]:
    """Order ids as the table has them.

    Raises:
        StackError: one cannot be decoded from the run's files.
    """
    names = read_order_id_texts(folder.path)
    for path in folder.witnesses.glob("names-*.json"):
        names |= {bytes.fromhex(digits): str(text) for digits, text in read_json(path).items()}
    texts = {names.get(identity) or decode_order_id(facts.contract.id_kind, identity) for identity in ids}
    if None in texts:
        raise StackError(
            f"run {folder.run_id}: not every order id can be decoded from its files, so nothing was deleted"
        )
    return {text for text in texts if text is not None}


def _own_orders(folder: RunFolder, facts: RunFacts) -> list[str]:
    texts = [facts.check_order.order_id] if facts.check_order is not None else []
    for mark in read_marks(folder.marks):
        if mark.name == marks.DRAINED:
            texts += mark.detail.get("own_orders") or []
    for text in texts:
        if encode_text(facts.contract.id_kind, text) is None:
            raise ValueError(f"{text!r} is no order id")
    return sorted(set(texts))


def _stores(arguments: argparse.Namespace, stack: EmbeddedStack, facts: RunFacts) -> _Stores:
    """Where the run's stores are; raises unless they answer."""
    if facts.stack == _EMBEDDED:
        ignore_client_variables()
        state = stack.status()
        if state is None or not stack.database.is_alive():
            raise StackError(
                f"the embedded stack in {stack.home} is not up, so nothing was deleted: run 'python -m stack up'"
            )
        stores = _Stores(state.database_url, f"embedded stack in {stack.home}", state.kafka_bootstrap)
    else:
        url = arguments.database_url or os.environ.get("LOCUST_DATABASE_URL")
        if not url:
            raise WrongOption(
                f"--database-url is missing: run {facts.run_id} was on the stack `{facts.stack}`; give it, or set "
                "LOCUST_DATABASE_URL"
            )
        stores = _Stores(url, f"stack {facts.stack}", None)
    health = check_sql(stores.database_url, _HEALTH_S)
    if not health.ok:
        raise StackError(f"{health.detail}; nothing was deleted")
    return stores


def _check_topic(stores: _Stores, folder: RunFolder, facts: RunFacts, runs_dir: Path) -> None:
    """Raise StackError if Kafka does not answer, or another run that is not judged yet needs the topic."""
    health = check_kafka(stores.bootstrap or "", {}, _HEALTH_S)
    if not health.ok:
        raise StackError(f"{health.detail}; nothing was deleted")
    waiting = []
    places = {runs_dir.resolve(), folder.path.parent}
    for other in [run for place in places if place.is_dir() for run in runs_in(place)]:
        if other.path.resolve() == folder.path:
            continue
        try:
            theirs = RunFacts.read(other)
        except (OSError, ValueError, RecursionError):
            continue  # it can never be judged
        same = theirs.stack == _EMBEDDED and theirs.topic.name == facts.topic.name
        if same and (is_in_use(other) or why_not_judged(other)):
            waiting.append(other.run_id)
    if waiting:
        raise StackError(
            f"--topic: {facts.topic.name} holds the events of {', '.join(sorted(waiting))} too, which "
            f"{'is' if len(waiting) == 1 else 'are'} not judged completely; nothing was deleted: judge that first, or "
            "leave --topic out"
        )


def _remove_topic(stores: _Stores, facts: RunFacts, say: Callable[[str], None], *, dry_run: bool) -> None:
    name = facts.topic.name
    if not delete_topic.is_there(stores.bootstrap or "", facts.topic):
        say(f"  topic {name}: it no longer exists (or was created again since the run)")
    elif dry_run:
        say(f"  topic {name}: would be deleted")
    else:
        delete_topic.delete(stores.bootstrap or "", name)
        say(f"  topic {name}: deleted")
