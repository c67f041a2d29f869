"""How PostgreSQL and Kafka are reached, and in which order they are asked.

First the rows, then the events, then once more the table for events without a row: so an order that is still on its
way can only seem complete or late, never lost. Under a custom contract the table is then asked for acknowledged ids as
well: those orders were stored before the drain.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.attribution import Attribution
from contract.ids import IDS
from health.postgres_url import UrlError, read_url
from reconcile.history.history import EventsWitness, Progress, RowsWitness, ids_of
from runlog.facts import RunFacts
from settings.kafka_properties import PropertiesProblem, read_properties
from stores.variables import ignore_client_variables


class StoresProblem(Exception):
    """The stores cannot be queried; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are.

    Attributes:
        database_url: connection string of PostgreSQL; secret.
        kafka: librdkafka properties; may hold secrets.
    """

    database_url: str
    kafka: dict[str, str]

    def __repr__(self) -> str:
        return "Stores(***)"


def make_stores(options: argparse.Namespace) -> Stores:
    """Return the stores that the options name, or else their environment variables.

    Raises:
        StoresProblem: one is missing or no connection string, or the properties file cannot be read.
    """
    database_url, bootstrap, config = (
        getattr(options, name) or os.environ.get(f"LOCUST_{name.upper()}")
        for name in ("database_url", "kafka_bootstrap", "kafka_config")
    )
    try:
        properties = read_properties(Path(config)) if config else {}
    except PropertiesProblem as problem:
        raise StoresProblem(str(problem)) from None
    if bootstrap:
        properties["bootstrap.servers"] = bootstrap
    if not database_url:
        raise StoresProblem(_missing("--database-url", "PostgreSQL", "LOCUST_DATABASE_URL"))
    try:
        read_url(database_url)
    except UrlError as error:
        from_shell = database_url == os.environ.get("LOCUST_DATABASE_URL")
        source = "LOCUST_DATABASE_URL (environment)" if from_shell else "--database-url"
        raise StoresProblem(f"{source} cannot be read: {error}") from None
    if "bootstrap.servers" not in properties:
        raise StoresProblem(_missing("--kafka-bootstrap", "Kafka", "LOCUST_KAFKA_BOOTSTRAP"))
    return Stores(database_url, properties)


def keep_shell_out(facts: RunFacts) -> None:
    """Drop the shell's variables for PostgreSQL's client, for a run on a stack of our own."""
    if facts.stack != "external":
        ignore_client_variables()


def _missing(option: str, store: str, variable: str) -> str:
    return f"{option} is missing: {store} has to be asked; give it, or set {variable}"


def read_stores(
    stores: Stores, facts: RunFacts, attribution: Attribution, rows: RowsWitness | None, progress: Progress
) -> tuple[RowsWitness, EventsWitness]:
    """Ask both stores.

    Args:
        attribution: how rows and events are attributed to the run.
        rows: a complete rows witness that was saved earlier; None: the rows are read as well.
    """
    keep_shell_out(facts)
    # Here and not above: judging a saved run must need neither database driver nor Kafka client.
    from reconcile.witnesses.events import read_events
    from reconcile.witnesses.rows import look_elsewhere, read_rows

    if rows is None:
        rows = read_rows(stores.database_url, facts, facts.clock, progress, attribution=attribution)
    events = read_events(
        stores.kafka, facts, facts.clock, progress, attribution=attribution, rows=rows.rows, names=rows.names
    )
    if rows.complete:
        known, names = ids_of(events.events), {**attribution.names, **events.names}
        if facts.contract_is_stated:
            # Rows that do not carry the customer id that was sent, as the option for it may be wrong, are there too.
            # (Joined arrays come in the machine's own byte order, whatever their parts had.)
            known = np.unique(np.concatenate([known, attribution.acknowledged])).astype(IDS)
        rows = look_elsewhere(stores.database_url, rows, known, facts, names)
    return rows, events
