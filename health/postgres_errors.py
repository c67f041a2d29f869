"""What PostgreSQL or its client says of a connection, as one sentence with the setting that is to be changed.

The server's own words are kept. Nothing of a connection string is in them but what libpq names of it (host, port, user,
database); its secrets are masked.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

from health.postgres_url import UrlError, read_url, secrets_of
from redaction.masking import mask_line

# Settings whose values may be shown.
_SHOWN: Final = ("sslmode", "target_session_attrs", "channel_binding", "gssencmode", "require_auth", "sslnegotiation")
# What a message is about, in the order of looking.
_CULPRITS: Final = (
    (r"definition of service|service file|syntax error in service", "service"),
    (r"root certificate file|certificate verify failed|certificate authority", "sslrootcert"),
    (r"private key file", "sslkey"),
    (r"certificate file", "sslcert"),
    (r"server certificate for|server does not support SSL|SSL was required|SSL connection is required", "sslmode"),
    (r"SSL (off|encryption)|no encryption|sslmode", "sslmode"),
    (r"SSL negotiation|ALPN|direct SSL", "sslnegotiation"),
    (r"channel binding", "channel_binding"),
    (r"GSSAPI|gssencmode", "gssencmode"),
    (r"auth(entication)? method .* (requirement|failed)|require_auth", "require_auth"),
    (r"session is (not )?read-only|(not )?in hot standby mode|target_session_attrs", "target_session_attrs"),
    (r"client_encoding|encoding conversion", "client_encoding"),
    (
        r"startup parameter in options|command-line argument|configuration parameter|invalid value for parameter",
        "options",
    ),
    (r"password file", "passfile"),
    (r"connect_timeout", "connect_timeout"),
)
_STARTUP: Final = re.compile(r"unsupported startup parameter(?: in options)?: \W*(\w+)")
# Variables of libpq that become settings of the session without a keyword of a connection string.
_OF_SESSION: Final = {"timezone": "PGTZ", "datestyle": "PGDATESTYLE", "geqo": "PGGEQO"}
_ADVICE: Final = " Is the server running on that host and accepting TCP/IP connections?"
_LOCAL: Final = " Is the server running locally and accepting connections on that socket?"
_PLACE: Final = re.compile(
    r"(?:connection failed: )?connection to server (?:at|on) (?:socket )?"
    r"\"[^\"]*\"(?: \([^)]*\))?(?:, port \d+)? failed: "
)
_SEVERITY: Final = re.compile(r"\b(?:FATAL|PANIC|ERROR):\s+")


def connection_problem(error: object, url: str) -> str:
    """Return why a connection could not be made, in one line.

    Args:
        error: what the client said; may hold secrets. Nothing is returned for nothing.
        url: the connection string; secret.
    """
    first = str(error).partition("\nMultiple connection attempts failed")[0]
    text = mask_line(first, secrets_of(url)).replace(_ADVICE, "").replace(_LOCAL, "")
    parts = [part.strip(" ,;\n") for part in _PLACE.split(text)]
    parts = [_SEVERITY.sub("", part).removeprefix("connection failed: ") for part in parts if part]
    said = "; ".join(dict.fromkeys(parts))
    return f"{_plain(said)}{_culprit(said, url)}"


def _plain(said: str) -> str:
    """Return what libpq says of a network, in the words that the rest of the harness uses."""
    if said.lower() == "connection refused":
        return "the connection was refused"
    if said.lower() in ("timeout expired", "connection timeout expired"):
        return "no answer in time"
    return said


def _culprit(said: str, url: str) -> str:
    """Return, in brackets, which setting a message is about and where it comes from; nothing where none is known."""
    try:
        settings = read_url(url)
    except UrlError:
        return ""
    if found := _STARTUP.search(said):
        where = _startup_source(found[1], settings)
        return (
            f" (a pooler such as PgBouncer refuses that setting, which comes from {where}: take it out there, or let "
            "the pooler pass over it by its ignore_startup_parameters)"
        )
    name = next((name for form, name in _CULPRITS if re.search(form, said, re.IGNORECASE)), None)
    source = None if name is None else _source(name, settings)
    return f" ({source})" if source else ""


def _source(name: str, settings: Mapping[str, str]) -> str | None:
    variable = _variables().get(name)
    if name in settings:
        value, source = settings[name], "the connection string"
    elif variable is not None and os.environ.get(variable):
        value, source = os.environ[variable], f"{variable} in the environment"
    else:
        return None
    return f"{name}{f'={value}' if name in _SHOWN else ''}, from {source}"


def _startup_source(parameter: str, settings: Mapping[str, str]) -> str:
    variable = _OF_SESSION.get(parameter.lower())
    if variable and os.environ.get(variable):
        return f"{variable} in the environment"
    name = parameter if parameter in _variables() else "options"
    return _source(name, settings) or "the connection string, or a service file of it"


def _variables() -> dict[str, str]:
    from psycopg import pq

    return {each.keyword.decode(): each.envvar.decode() for each in pq.Conninfo.get_defaults() if each.envvar}
