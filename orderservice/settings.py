"""The settings of the order service: one frozen record, read from flags and ``ORDERSERVICE_*`` variables.

A flag overrides its variable, a variable the default. A bad value raises :class:`SettingsError`, one sentence that
names the setting, the value and what would be right; a secret value is never shown.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from orderservice.setting_values import (
    bootstrap_servers,
    connection_string,
    seconds,
    switch,
    topic_name,
    whole_number,
)
from orderservice.variants import ACCEPT, FAIL, VARIANTS

PREFIX = "ORDERSERVICE_"


class SettingsError(ValueError):
    """A setting is missing or wrong; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the service. Durations are seconds."""

    database_url: str = field(repr=False)
    kafka_bootstrap: str
    host: str = "127.0.0.1"
    port: int = 8082
    kafka_config: Path | None = None
    topic: str = "order.created"
    variant: str = "naive"
    chaos: bool = False
    pool_size: int = 32
    pool_wait: float = 5.0
    block_time: float = 1.0
    delivery_timeout: float = 3.0
    request_timeout: float = 1.0
    confirm_wait: float = 0.0
    publish_failure: str = ACCEPT
    database_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting is read: its name, its reader (raises ``ValueError`` with what would be right), its help."""

    name: str
    read: Callable[[str], object]
    help: str
    required: bool = False
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable of the setting, ``ORDERSERVICE_POOL_SIZE`` for example."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The flag of the setting, ``--pool-size`` for example."""
        return "--" + self.name.replace("_", "-")


def _variant(text: str) -> str:
    if text not in VARIANTS:
        raise ValueError("one of " + ", ".join(VARIANTS))
    return text


def _publish_failure(text: str) -> str:
    if text not in (ACCEPT, FAIL):
        raise ValueError(f"{ACCEPT} or {FAIL}")
    return text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("a readable file of client properties")
    return path


def _host(text: str) -> str:
    if not text.strip():
        raise ValueError("an address to listen on, for example 127.0.0.1")
    return text.strip()


OPTIONS: tuple[Option, ...] = (
    Option("host", _host, "address to listen on"),
    Option("port", whole_number(1, 65535), "TCP port to listen on"),
    Option(
        "database_url",
        connection_string,
        "PostgreSQL connection string; better by its variable, because other users can read a flag",
        required=True,
        secret=True,
    ),
    Option("kafka_bootstrap", bootstrap_servers, "Kafka brokers as host:port,host:port", required=True),
    Option("kafka_config", _file, "file of Kafka client properties (TLS, SASL), one key=value a line"),
    Option("topic", topic_name, "topic of the events"),
    Option("variant", _variant, "how an order and its event are written: " + ", ".join(VARIANTS)),
    Option("chaos", switch, "offer POST /chaos/phantom-event: true or false"),
    Option("pool_size", whole_number(1, 1000), "database connections, opened at the start and kept"),
    Option("pool_wait", seconds(0.01, 600), "longest wait for a pooled connection, then 500"),
    Option("block_time", seconds(0, 600), "longest wait of a publish while no broker is reachable; 0 fails at once"),
    Option("delivery_timeout", seconds(0.1, 600), "how long the delivery of an event is tried before it is dropped"),
    Option("request_timeout", seconds(0.05, 300), "how long one request to a broker may take"),
    Option(
        "confirm_wait",
        seconds(0, 600),
        "longest wait of the variants awaited and raised for a confirmed event; 0 waits for its delivery timeout",
    ),
    Option("publish_failure", _publish_failure, "status that the variant awaited answers after a failed publish"),
    Option("database_wait", seconds(0, 600), "how long the start waits for the database"),
)


class _OneSentenceParser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, like those of the settings."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`SettingsError` where argparse would print its usage and exit."""
        raise SettingsError(f"{message}; --help lists the flags.")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; every value stays text, :func:`load` reads it."""
    made = _OneSentenceParser(
        prog="python -m orderservice",
        description="The reference order service: POST /orders into PostgreSQL and Kafka.",
        epilog=f"Every flag has a variable: --pool-size is {PREFIX}POOL_SIZE. Durations: 1, 1.5s, 500ms, 2m.",
        allow_abbrev=False,
    )
    defaults = {name: item.default for name, item in Settings.__dataclass_fields__.items()}
    for option in OPTIONS:
        shown = "required" if option.required else f"default {defaults[option.name]}"
        text = f"{option.help} ({shown})"
        if option.read is switch:
            made.add_argument(option.flag, dest=option.name, metavar="VALUE", nargs="?", const="true", help=text)
        else:
            made.add_argument(option.flag, dest=option.name, metavar="VALUE", help=text)
    return made


def load(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        arguments: the command line without the program's name.
        environment: the variables to read; those of this process if None.

    Raises:
        SettingsError: a setting is missing, unknown or wrong.
    """
    variables = os.environ if environment is None else environment
    flags = vars(parser().parse_args(list(arguments)))
    known = {option.variable for option in OPTIONS}
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name} is not a setting of the order service; --help lists them.")
    values: dict[str, Any] = {}
    for option in OPTIONS:
        text, source = flags[option.name], option.flag
        if text is None and variables.get(option.variable, "") != "":
            text, source = variables[option.variable], option.variable
        if text is not None:
            values[option.name] = _read(option, text, source)
        elif option.required:
            raise SettingsError(f"{option.variable} is not set: give {option.help.split(';')[0]}.")
    return _checked(Settings(**values))


def _read(option: Option, text: str, source: str) -> object:
    try:
        return option.read(text)
    except ValueError as wrong:
        shown = "not usable (its value is not shown)" if option.secret else f"{text!r}"
        # The cause may quote the value, which may be secret.
        raise SettingsError(f"{source} is {shown}: give {wrong}.") from None


def _checked(settings: Settings) -> Settings:
    if settings.delivery_timeout < settings.request_timeout:
        # The Java client refuses this too: its event would be dropped before a request could be answered.
        raise SettingsError(
            f"delivery_timeout is {settings.delivery_timeout:g} s, shorter than request_timeout "
            f"{settings.request_timeout:g} s: give a delivery_timeout of at least the request_timeout."
        )
    return settings
