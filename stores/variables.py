"""Keeps what a user's shell says to PostgreSQL's client away from the stacks of our own.

A `PGSERVICE` or `PGOPTIONS` that was set for another database changes every connection of a process, whatever its
connection string says. So a process that serves a stack of ours drops those variables before it connects. Kafka's
client reads none, and the components are started with environments of their own.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OF_CLIENT: Final = re.compile(r"PG(CONNECT_TIMEOUT|[A-Z]+)")
_dropped: dict[str, str] = {}


def ignore_client_variables() -> None:
    """Drop the variables of PostgreSQL's client from this process and from those that it starts."""
    for name in [name for name in os.environ if _OF_CLIENT.fullmatch(name)]:
        _dropped[name] = os.environ.pop(name)


def dropped_variables() -> dict[str, str]:
    """Return what was dropped: for commands that are not ours, and may use a variable of such a name."""
    return dict(_dropped)


@contextmanager
def without_client_variables() -> Iterator[None]:
    """Drop them for the body of the `with`: for a process that serves other systems too, one after another."""
    kept = {name: text for name, text in os.environ.items() if _OF_CLIENT.fullmatch(name)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
