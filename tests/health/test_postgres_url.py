"""A connection string that is none is refused with the remedy, and nothing of it is shown."""

import pytest

from health.postgres_errors import connection_problem
from health.postgres_url import UrlError, place_of, read_url, secrets_of

SECRET = "Pl4nted-secret"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"jdbc:postgresql://h:5432/db?user=x&password={SECRET}", "a URL of JDBC: leave out `jdbc:`"),
        (f"jdbc:mysql://h/db?password={SECRET}", "a JDBC URL of another database"),
        (f"r2dbc:postgresql://u:{SECRET}@h/db", "leave out `r2dbc:`"),
        (f"postgresql+psycopg://u:{SECRET}@h/db", "a URL of SQLAlchemy: leave out the driver"),
        (f"postgres+asyncpg://u:{SECRET}@h/db", "a URL of SQLAlchemy: leave out the driver"),
        (
            f"postgresql://u:{SECRET}@h/db?schema=public",
            "does not know `schema`, a parameter of Prisma: write --orders-t",
        ),
        (
            f"postgresql://u:{SECRET}@h/db?sslmode=require&connection_limit=5",
            "`connection_limit`, a parameter of Prisma",
        ),
        (f"postgresql://u:{SECRET}@h/db?currentSchema=shop", "options=-csearch_path%3DSCHEMA"),
        (f"postgresql://u:{SECRET}@h/db?{SECRET}=1", "it has a parameter that PostgreSQL's client does not know"),
        (f"mysql://u:{SECRET}@h/db", "its scheme is none of PostgreSQL's"),
        (f"psql://u:{SECRET}@h/db", "its scheme is of another client: write `postgresql://`"),
        (f"psql 'postgresql://u:{SECRET}@h/db'", "it is a command"),
        (f"'postgresql://u:{SECRET}@h/db'", "leave quotation marks out"),
        (f"Host=h;Username=u;Password={SECRET}", "a connection string of .NET"),
        (f"pgsql:host=h;dbname=db;password={SECRET}", "a connection string of PHP"),
        (f"postgresql://u:{SECRET}@more@h/db", "an @ where a host or a name belongs; signs of a password"),
        (f"postgresql://u:{SECRET}/more@h/db", "an @ where a host or a name belongs; signs of a password"),
        ("postgresql://u:5/more@h/db", "an @ where a host or a name belongs"),
        (f"postgresql://u:%zz{SECRET}@h/db", "a % that begins no percent-encoded character"),
        ("postgresql://u:p@h:99999/db", "its port is not a port number"),
        (f"host=h port={SECRET} dbname=db", "its port is not a port number"),
        (SECRET, "neither a URL nor keywords"),
        ("postgresql://u:p@h/d\0b", "it holds a NUL"),
    ],
)
def test_what_is_no_connection_string(text: str, says: str) -> None:
    with pytest.raises(UrlError) as refused:
        read_url(text)
    assert says in str(refused.value)
    assert "4nted" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("postgresql://u:p%40ss@h:6432/db?sslmode=require&options=-csearch_path%3Dshop", "h:6432"),
        ("postgres://u:p@h1:5432,h2:5433/db?target_session_attrs=primary", "h1:5432,h2:5433"),
        ("postgresql://u:p@h1,h2/db", "h1:5432,h2:5432"),
        ("postgresql:///db?host=/run/postgresql", "/run/postgresql:5432"),
        ("postgresql://[::1]:5432/db", "::1:5432"),
        ("host=h user=u password='p q' dbname=db", "h:5432"),
        ("service=shop", "shop:5432"),
        ("postgresql://u@h/a@b", "h:5432"),
    ],
)
def test_what_libpq_takes_is_taken(text: str, place: str) -> None:
    assert place_of(read_url(text)) == place


def test_secrets_are_found_in_bad_ones_too() -> None:
    assert "p%ss" in secrets_of("postgresql://u:p%ss@h/db")
    assert "p@ss" in secrets_of("postgresql://u:p%40ss@h/db")


AT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
URL = f"postgresql://mars:{SECRET}@127.0.0.1/shop"


@pytest.mark.parametrize(
    ("said", "url", "shown"),
    [
        (
            f'{AT}FATAL:  password authentication failed for user "mars"',
            URL,
            'password authentication failed for user "mars"',
        ),
        (f"{AT}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?", URL,
         "the connection was refused"),
        ("connection timeout expired", URL, "no answer in time"),
        (f'{AT}FATAL:  database "{SECRET}" does not exist', URL, 'database "***" does not exist'),
        (
            f"{AT}FATAL:  unsupported startup parameter: search_path",
            f"{URL}?options=-csearch_path%3Dx",
            "unsupported startup parameter: search_path (a pooler such as PgBouncer refuses that setting, which comes "
            "from options, from the connection string: take it out there, or let the pooler pass over it by its "
            "ignore_startup_parameters)",
        ),
        (
            f"{AT}server does not support SSL, but SSL was required",
            f"{URL}?sslmode=require",
            "server does not support SSL, but SSL was required (sslmode=require, from the connection string)",
        ),
        (
            f"{AT}FATAL:  no pg_hba.conf entry for host a, SSL encryption\n{AT}FATAL:  no pg_hba.conf entry for host "
            "a, no encryption",
            URL,
            "no pg_hba.conf entry for host a, SSL encryption; no pg_hba.conf entry for host a, no encryption",
        ),
        (
            f"{AT}session is read-only",
            f"{URL}?target_session_attrs=read-write",
            "session is read-only (target_session_attrs=read-write, from the connection string)",
        ),
        (
            f'{AT}root certificate file "/x" does not exist',
            f"{URL}?sslmode=verify-full&sslrootcert=/x",
            'root certificate file "/x" does not exist (sslrootcert, from the connection string)',
        ),
    ],
)  # fmt: skip
def test_the_servers_own_sentence_names_the_culprit(said: str, url: str, shown: str) -> None:
    assert connection_problem(said, url) == shown


def test_a_setting_of_the_environment_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGTZ", "Europe/Berlin")
    monkeypatch.setenv("PGSERVICE", "nowhere")
    for said, source in (
        ("server does not support SSL, but SSL was required", "sslmode=require, from PGSSLMODE in the environment"),
        ("FATAL:  unsupported startup parameter: timezone", "PGTZ in the environment"),
        ('definition of service "nowhere" not found', "service, from PGSERVICE in the environment"),
    ):
        assert source in connection_problem(AT + said, URL)
    # One that is given goes before that of the environment.
    given = connection_problem(f"{AT}server does not support SSL, but SSL was required", f"{URL}?sslmode=verify-ca")
    assert given.endswith("(sslmode=verify-ca, from the connection string)")
