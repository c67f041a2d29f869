"""Reads a connection string of PostgreSQL and refuses what is none, with the remedy; no message repeats any of it.

What libpq's own parser says quotes pieces of the string, and in a badly written one a piece may be of the password: so
only names that are in a list of ours are shown.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

RIGHT: Final = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
_ENCODE: Final = "signs of a password that a URL uses itself are written percent-encoded: @ as %40, / as %2F, % as %25"
_SCHEMES: Final = ("postgresql://", "postgres://")
# Settings that hold secrets.
_SECRET: Final = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
# Parameters of other clients, whose they are, and what stands in their place.
_OF_OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    "schema": ("Prisma", "write --orders-table SCHEMA.TABLE, or options=-csearch_path%3DSCHEMA"),
    "connection_limit": ("Prisma", ""),
    "pool_timeout": ("Prisma", ""),
    "pgbouncer": ("Prisma", ""),
    "socket_timeout": ("Prisma", ""),
    "statement_cache_size": ("Prisma", ""),
    "sslaccept": ("Prisma", "write sslmode=require, or sslmode=verify-full with sslrootcert=FILE"),
    "sslidentity": ("Prisma", "write sslcert=FILE and sslkey=FILE"),
    "currentSchema": ("JDBC", "write --orders-table SCHEMA.TABLE, or options=-csearch_path%3DSCHEMA"),
    "sslfactory": ("JDBC", "write sslmode=verify-full with sslrootcert=FILE"),
    "ApplicationName": ("JDBC", "write application_name=NAME"),
    "prepareThreshold": ("JDBC", ""),
    "preparedStatementCacheQueries": ("JDBC", ""),
    "reWriteBatchedInserts": ("JDBC", ""),
    "stringtype": ("JDBC", ""),
    "loginTimeout": ("JDBC", "write connect_timeout=SECONDS"),
    "connectTimeout": ("JDBC", "write connect_timeout=SECONDS"),
    "socketTimeout": ("JDBC", ""),
    "tcpKeepAlive": ("JDBC", "write keepalives=1"),
    "targetServerType": ("JDBC", "write target_session_attrs=primary or standby"),
    "prepared_statement_cache_size": ("asyncpg", ""),
    "command_timeout": ("asyncpg", ""),
    "async_fallback": ("SQLAlchemy", ""),
    "search_path": ("Go's pgx", "write options=-csearch_path%3DSCHEMA"),
    "pool_max_conns": ("Go's pgx", ""),
    "pool_min_conns": ("Go's pgx", ""),
    "default_query_exec_mode": ("Go's pgx", ""),
    "binary_parameters": ("Go's pq", ""),
    "pool": ("Rails", ""),
    "pool_size": ("Ecto and others", ""),
    "encoding": ("Rails", "write client_encoding=UTF8"),
    "prepared_statements": ("Rails", ""),
    "statement_timeout": ("other clients", "write options=-cstatement_timeout%3DMILLISECONDS"),
}
_FORMS: Final = (
    (r"jdbc:postgresql:", f"it is a URL of JDBC: leave out `jdbc:`, and write user and password as in {RIGHT}"),
    (r"jdbc:", "it is a JDBC URL of another database than PostgreSQL"),
    (r"r2dbc:(pool:)?postgres(ql)?://", "it is a URL of R2DBC: leave out `r2dbc:`"),
    (r"postgres(ql)?\+\w+://", "it is a URL of SQLAlchemy: leave out the driver, as in `postgresql://`"),
    (r"(ecto|postgis|pgsql|psql|pg)://", "its scheme is of another client: write `postgresql://`"),
    (r"pgsql:", f"it is a connection string of PHP: give {RIGHT}"),
    (r"prisma(\+postgres)?://", f"it is a URL of Prisma's own proxy: give the database's own URL, {RIGHT}"),
    (r"[\w+.-]+://", f"its scheme is none of PostgreSQL's: give {RIGHT}"),
    (r"""psql\s""", "it is a command: give the connection string alone"),
    (r"""["'`]""", "it begins with a quotation mark: leave quotation marks out"),
    (r"(host|server|data source)\s*=.*;", f"it is a connection string of .NET: give {RIGHT}"),
)


class UrlError(ValueError):
    """A connection string that cannot be used; the message says why and what to give, and shows nothing of it."""


def read_url(text: str) -> dict[str, str]:
    """Return the settings of a connection string, by libpq's names.

    Args:
        text: a URL or libpq's keywords; secret.

    Raises:
        UrlError: it is neither, or no connection can be meant by it.
    """
    # Imported late: psycopg decides at import whether it waits in C or in Python, and under gevent the caller
    # must have patched the process before that.
    from psycopg import Error, conninfo

    if "\0" in text:
        raise UrlError("it holds a NUL")
    try:
        settings = {name: str(value) for name, value in conninfo.conninfo_to_dict(text).items()}
    except (Error, ValueError):
        raise UrlError(_why(text)) from None
    if text.startswith(_SCHEMES):
        if "@" in settings.get("host", "") or ("user" not in settings and "@" in settings.get("dbname", "")):
            raise UrlError(f"it has an @ where a host or a name belongs; {_ENCODE}")
        if any(not _is_port(port) for port in settings.get("port", "").split(",")):
            raise UrlError(f"its port is not a port number; {_ENCODE}")
    elif any(not _is_port(port) for port in settings.get("port", "").split(",")):
        raise UrlError("its port is not a port number; 5432 is usual")
    return settings


def secrets_of(text: str) -> list[str]:
    """Return what of a connection string must not be shown, itself included; whatever can be found in a bad one."""
    try:
        settings = read_url(text)
    except UrlError:
        found = re.search(r"://[^\s:@]*:(.*)@", text)
        return [text, *([found[1]] if found else [])]
    return [text, *(settings[name] for name in _SECRET if settings.get(name))]


def place_of(settings: Mapping[str, str]) -> str:
    """Return `host:port`, of several hosts with commas, as people read it."""
    hosts = (settings.get("host") or settings.get("hostaddr") or settings.get("service") or "default host").split(",")
    ports = (settings.get("port") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return ",".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text) < 65536)


def _why(text: str) -> str:
    if not text.startswith(_SCHEMES):
        known = (why for form, why in _FORMS if re.match(form, text.strip(), re.IGNORECASE))
        return next(known, f"it is neither a URL nor keywords of PostgreSQL's client: give {RIGHT}")
    for name in _parameters(text):
        if name in _OF_OTHERS:
            whose, instead = _OF_OTHERS[name]
            return (
                f"PostgreSQL's own client does not know `{name}`, a parameter of {whose}: {instead or 'leave it out'}"
            )
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        return f"it holds a % that begins no percent-encoded character; {_ENCODE}"
    if "?" in text:
        return f"it has a parameter that PostgreSQL's client does not know, or that has no value; {_ENCODE}"
    return f"it is badly written: give {RIGHT}; {_ENCODE}"


def _parameters(text: str) -> Iterator[str]:
    _, _, query = text.rpartition("?")
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        if equals:
            yield unquote(name)
