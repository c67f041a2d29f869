"""Kinds of the options of `--stack external`: paths, URLs, commands, places, and texts that must hold no secret."""

import shlex
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from contract.contract import NONE
from redaction.patterns import assigns_secret, body_shows_secret, command_shows_secret, without_secrets
from settings.errors import Unshown
from settings.kinds import Kind, matching, text


def needed(remedy: str, unit: str = "text") -> Kind[str]:
    """Return the kind of a text that `--stack external` needs; `remedy` says in a few words what it is."""

    def check(given: str) -> None:
        if not given:
            raise Unshown(f" is missing: --stack external needs it ({remedy})")

    return text(unit, check=check)


def _check_path(given: str) -> None:
    if not given.startswith("/") or any(c.isspace() or not c.isprintable() for c in given) or not given.isascii():
        raise ValueError("it must begin with a slash and contain no blanks")


def _parse_health_path(given: str) -> str | None:
    if given in ("", NONE):
        return None
    _check_path(given)
    if assigns_secret(given):
        raise Unshown(": it seems to contain a secret, and the journal keeps it; put the secret into --header")
    return given


def _check_url(given: str) -> None:
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise Unshown(": it must contain no user and no password; put credentials into --header")
    if not usable or any(c.isspace() for c in given):
        right = "give a URL like http://localhost:8082 or https://shop.test/base"
        raise Unshown(f" {without_secrets(given)}: {right}")


def _check_host(given: str) -> None:
    if not given:
        raise Unshown(" is missing: --stack external needs the service's URL, like http://localhost:8082")
    _check_url(given)
    if set(given) & set("?#"):
        raise Unshown(f" {without_secrets(given)}: it must end with the path, without ? and #")


def _check_backlog(given: str) -> None:
    if assigns_secret(given):
        raise Unshown(
            ": it seems to contain a secret, and a run's folder keeps it; put the secret into --header, which is also "
            "sent to this URL if it is on the service's own host"
        )
    _check_url(given)


def _check_body(given: str) -> None:
    if body_shows_secret(given):
        raise Unshown(": it seems to contain a secret, and a run's folder keeps it; put the body into a file")


def _check_table(given: str) -> None:
    if not all(given.split(".")) or given.count(".") > 1 or "\0" in given:
        raise ValueError("give TABLE or SCHEMA.TABLE")


def _check_command(given: str) -> None:
    if command_shows_secret(given):
        raise Unshown(
            ": it seems to contain a secret, and the journal keeps it; put the secret into the environment or into a "
            "script, and call that"
        )
    try:
        words = shlex.split(given)
    except ValueError as error:
        raise ValueError(f"{str(error).lower()}; quote it as for a shell") from None
    if given and not words:
        raise ValueError("give a command")


HOST: Final = text("URL", check=_check_host)
PATH: Final = replace(text(check=_check_path), by_example=True)
HEALTH_PATH: Final = Kind(_parse_health_path, by_example=True)
BACKLOG_URL: Final = text("URL", check=_check_backlog)
BODY: Final = text("JSON or path", check=_check_body)
TABLE: Final = text(check=_check_table)
COMMAND: Final = replace(text("command", check=_check_command), by_example=True)
ANSWER_PLACE: Final = matching(
    r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]+/?|value:[^.\s]+(\.[^.\s]+)*",
    "give value:PATH, header:NAME or header:NAME/",
)
