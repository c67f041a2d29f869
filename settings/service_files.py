"""Files that the options of `--stack external` name: headers, the body of an order, secrets, client properties.

A file that holds a secret must be private to its owner; no message shows the content of a file.
"""

import json
import ssl
import stat
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

from files.paths import expanded, reason
from settings.errors import SettingsError
from settings.external import ExternalSettings
from settings.kafka_properties import PropertiesProblem, hold_secret, read_properties
from settings.option import Option

_SAMPLE: Final = {
    "customer_id": str(uuid.UUID(int=0)),
    "seq": "0",
    "product_id": str(uuid.UUID(int=0)),
    "quantity": "1",
    "unit_price": "1.5",
}


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """The content of the files.

    Attributes:
        headers: name and value of each header to send; secret.
        body: the template of an order's body, None: that of the reference service.
        database_url: connection string of PostgreSQL; secret.
        kafka: librdkafka properties, `bootstrap.servers` among them; may hold secrets.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: str | None
    database_url: str = field(repr=False)
    kafka: dict[str, str] = field(repr=False)


def read_service_files(external: ExternalSettings, attribution: str) -> ServiceFiles:
    """Return the content of the files that `external` names.

    Args:
        attribution: of the run: `tagged` needs a customer id in each order.

    Raises:
        SettingsError: a file cannot be read, is not private, or holds something else.
    """
    check_ca(external.ca_file)
    return ServiceFiles(
        headers=read_headers(external.header),
        body=_body(external.order_body, attribution) if external.order_body else None,
        database_url=read_secret(ExternalSettings.database_url, external.database_url),
        kafka=read_kafka_client(external.kafka_config, external.kafka_bootstrap),
    )


def read_secret(option: Option[str], text: str) -> str:
    """Return `text`, or for `@FILE` the content of that private file, without blanks around it.

    Raises:
        SettingsError: the file cannot be read, is empty, or others can read it.
    """
    if not text.startswith("@"):
        return text
    path = expanded(text[1:])
    try:
        mode = path.stat().st_mode
        content = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{option.flag} {text}: not a text file") from None
    except OSError as error:
        raise SettingsError(
            f"{option.flag} {text}: {reason(error)}; after @, give the name of a file that holds the secret"
        ) from None
    _check_private(f"{option.flag} {text}", path, mode)
    if not content:
        raise SettingsError(f"{option.flag} {text}: the file is empty")
    return content


def _check_private(option: str, path: Path, mode: int) -> None:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"{option}: it holds a secret, and other users can read it; run chmod 600 {path}")


def read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Return name and value of each header in `text`: one `Name: value` or `@FILE` a line.

    Raises:
        SettingsError: a line is no header, or a file cannot be used.
    """
    lines = [
        line for each in text.splitlines() for line in read_secret(ExternalSettings.header, each.strip()).splitlines()
    ]
    found = []
    for line in filter(None, map(str.strip, lines)):
        name, colon, value = line.partition(":")
        usable = (
            colon and name.isascii() and name.isprintable() and name and not set(name) & set(' \t"(),/;<=>?@[\\]{}')
        )
        if not usable or not value.strip().isprintable() or not value.isascii():
            raise ExternalSettings.header.wrong(line, "write a header as 'Name: value', in ASCII")
        if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
            raise SettingsError(f"--header {name}: the harness sets this header itself; leave it out")
        found.append((name, value.strip()))
    return tuple(found)


def _body(text: str, attribution: str) -> str:
    wrong, template = ExternalSettings.order_body.wrong, text
    if not text.lstrip().startswith(("{", "[")):
        try:
            template = expanded(text).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise wrong(text, "not a text file") from None
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else "not a possible file name"
            raise wrong(
                text, f"{why}; give JSON that begins with {{ or [, or the name of a file that holds it"
            ) from None
    known = ", ".join(f"${{{name}}}" for name in _SAMPLE)
    try:
        filled = Template(template).substitute(_SAMPLE)
    except KeyError as unknown:
        raise wrong(text, f"${{{unknown.args[0]}}} is no placeholder; use {known}") from None
    except ValueError:
        raise wrong(text, f"write a plain $ as $$; the placeholders are {known}") from None
    try:
        json.loads(filled)
    except (ValueError, RecursionError) as error:
        raise wrong(text, f"with its placeholders filled in it is no JSON ({error}); put quotes around texts") from None
    if attribution == "tagged" and filled == Template(template).substitute(_SAMPLE | {"customer_id": "x"}):
        raise wrong(
            text, "it needs ${customer_id} for --attribution tagged; add it, or give acknowledged-only or exclusive"
        )
    return template


def read_kafka_client(config: str, bootstrap: str, folder: Path | None = None) -> dict[str, str]:
    """Return client properties of Kafka, `bootstrap.servers` among them.

    Args:
        config: path of the file of `--kafka-config`; empty without one.
        bootstrap: text of `--kafka-bootstrap`; empty: the address is in the file.
        folder: base of relative paths in the file; None: the working directory, as for the client itself. They are made
            absolute, because the watchdog runs in another folder.

    Raises:
        SettingsError: the file cannot be used, or the address is missing.
    """
    properties: dict[str, str] = {}
    if config:
        path = expanded(config)
        try:
            properties = read_properties(path)
            if hold_secret(properties):
                _check_private(f"--kafka-config {path}", path, path.stat().st_mode)
        except PropertiesProblem as problem:
            raise SettingsError(str(problem)) from None
    base = folder or Path.cwd()
    properties |= {name: str(base / value) for name, value in properties.items() if _is_path(name, value)}
    if bootstrap:
        properties["bootstrap.servers"] = bootstrap
    if not properties.get("bootstrap.servers"):
        raise SettingsError(f"--kafka-bootstrap is missing, and --kafka-config {config} has no bootstrap.servers")
    return properties


def _is_path(name: str, value: str) -> bool:
    """Whether a property names a file; with `probe` the client searches for this machine's certificates."""
    return bool(value) and value != "probe" and (name.endswith(".location") or name == "sasl.kerberos.keytab")


def check_ca(text: str) -> None:
    """Check that the file of `--ca-file` holds certificates; empty: nothing to check.

    Raises:
        SettingsError: it cannot be read, or holds something else.
    """
    if not text:
        return
    try:
        ssl.create_default_context(cafile=expanded(text))
    except ssl.SSLError:
        raise ExternalSettings.ca_file.wrong(text, "it holds no certificates; give a file in PEM format") from None
    except OSError as error:
        raise ExternalSettings.ca_file.wrong(text, f"{reason(error)}; give a file of certificates (PEM)") from None
