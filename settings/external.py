"""What options say of a service of the user's own (`--stack external`), checked as far as texts alone can be.

Pure: files that options name are read by `settings.service_files`. How an id is found is written the same everywhere:
`key`, `header:NAME`, `value:PATH`, with the members of PATH joined by dots.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from contract.contract import NONE, Contract, contract_from_texts
from contract.order_id import IdKind
from contract.place import parse_filter, parse_place, parse_tag
from redaction.patterns import assigns_secret, body_shows_secret, command_shows_secret, without_secrets
from settings.errors import SettingsError, wrong
from settings.options import BY_NAME

_ANSWER_PLACE: Final = re.compile(r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]+/?|value:[^.\s]+(\.[^.\s]+)*")


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """A service of the user's own. Texts as given, but for what is said here; empty ones are not set.

    Attributes:
        base_url: `--host` without a slash at its end.
        headers: one `Name: value` or `@FILE` a line; secret.
        health_path: None: the service's health is not asked.
        database_url: a connection string or `@FILE`; secret.
        contract: what an order, its row and its event look like.
        backlog_url: None without one.
        shell: the commands are run by a shell.
    """

    base_url: str
    order_path: str
    headers: str = field(repr=False)
    ca_file: str
    order_body: str
    order_id: str
    contract: Contract
    health_path: str | None
    database_url: str = field(repr=False)
    backlog_url: str | None
    kafka_bootstrap: str
    kafka_config: str
    break_command: str
    heal_command: str
    command_check: str
    shell: bool
    target_container: str

    @property
    def id_kind(self) -> IdKind:
        """What order ids are."""
        return self.contract.id_kind

    @property
    def reference_answer(self) -> bool:
        """Whether orders are asked for and answered as the reference service does it."""
        return (self.order_path, self.order_body, self.order_id) == ("/orders", "", "value:orderId") and (
            self.id_kind is IdKind.UUID
        )


def make_external(text: Callable[[str], str], host: str | None, scenario: str, attribution: str) -> ExternalSettings:
    """Return what the options say.

    Args:
        text: gives the text of an option by its name, its default where it is not given.
        host: Locust's own `--host`.
        scenario, attribution: of the run.

    Raises:
        SettingsError: one of them is wrong, or two contradict each other.
    """
    made = ExternalSettings(
        base_url=_base_url(host),
        order_path=_path(text, "order-path"),
        headers=text("header"),
        ca_file=text("ca-file"),
        order_body=_body(text("order-body")),
        order_id=_matching(text, "order-id", _ANSWER_PLACE, "value:PATH, header:NAME or header:NAME/ is right"),
        contract=_contract(text, attribution),
        health_path=None if text("health-path") in ("", NONE) else _health_path(text),
        database_url=_required(text, "database-url", "LOCUST_DATABASE_URL or @FILE"),
        backlog_url=_backlog(text("backlog-url")),
        kafka_bootstrap=text("kafka-bootstrap"),
        kafka_config=text("kafka-config"),
        break_command=_command(text, "break-command"),
        heal_command=_command(text, "heal-command"),
        command_check=_command(text, "command-check"),
        shell=_choice(text, "command-shell") == "yes",
        target_container=text("target-container"),
    )
    _check_target(made, scenario)
    _check_probe(made, text("fault-target"), scenario)
    _check_attribution(made, attribution)
    _check_scenario(made, scenario)
    if not (made.kafka_bootstrap or made.kafka_config):
        raise SettingsError("--kafka-bootstrap is missing: --stack external needs a broker, for example localhost:9092")
    return made


def _contract(text: Callable[[str], str], attribution: str) -> Contract:
    return contract_from_texts(
        orders_table=_table(text, "orders-table"),
        orders_id_column=_required(text, "orders-id-column", "the column with the order id"),
        orders_tag_column=_required(text, "orders-tag-column", "or none"),
        orders_time_column=_required(text, "orders-time-column", "the column with the time of creation"),
        outbox_table=_table(text, "outbox-table") if text("outbox-table") else None,
        id_kind=_choice(text, "id-kind"),
        event_id=_place(text, "event-id", parse_place),
        event_filter=_place(text, "event-filter", parse_filter),
        event_tag=_place(text, "event-tag", parse_tag),
        attribution=attribution,
    )


def _check_target(made: ExternalSettings, scenario: str) -> None:
    pair = (made.break_command, made.heal_command)
    if any(pair) and not all(pair):
        given, other = ("--break-command", "--heal-command") if pair[0] else ("--heal-command", "--break-command")
        raise SettingsError(f"{given}: it makes sense only together with {other}")
    if any(pair) and made.target_container:
        raise SettingsError(
            f"--target-container {made.target_container}: give either that or --break-command and --heal-command"
        )
    if made.command_check and not any(pair):
        raise SettingsError(f"--command-check {made.command_check}: it makes sense only with --break-command")
    if scenario == "lost-event" and not any(pair) and not made.target_container:
        raise SettingsError(
            "--scenario lost-event breaks something, and no fault is done without an explicit target: give "
            "--break-command and --heal-command, or --target-container; --scenario control breaks nothing"
        )


def _check_probe(made: ExternalSettings, component: str, scenario: str) -> None:
    if scenario == "lost-event" and component == "service" and made.health_path is None:
        raise SettingsError(
            "--health-path none: --fault-target service needs it, because down and back are proven by asking the "
            "service; name a path that answers 200 while the service is healthy"
        )


def _check_attribution(made: ExternalSettings, attribution: str) -> None:
    if attribution != "tagged":
        return
    untagged = [
        ("--orders-tag-column none", made.contract.table.tag_column is None),
        ("--event-tag none", made.contract.event.tag_place is None),
    ]
    for option, missing in untagged:
        if missing:
            raise SettingsError(
                f"{option}: without that customer id the orders of this run cannot be attributed by it; give "
                "--attribution acknowledged-only, or exclusive if no other client creates orders meanwhile"
            )


def _check_scenario(made: ExternalSettings, scenario: str) -> None:
    if scenario == "phantom-event" and not made.reference_answer:
        raise SettingsError(
            "--scenario phantom-event: only a service with the reference contract has that endpoint; leave "
            "--order-path, --order-body, --order-id and --id-kind out, or choose lost-event or control"
        )


def _base_url(host: str | None) -> str:
    if not host:
        raise SettingsError("--host is missing: --stack external needs the service's URL, like http://localhost:8082")
    return _url(host, "--host").rstrip("/")


def _url(text: str, option: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"{option}: no user or password in it; put credentials into --header")
    if not usable or (option == "--host" and (parts.query or parts.fragment)) or any(c.isspace() for c in text):
        shown = without_secrets(text)
        raise SettingsError(f"{option} {shown}: a URL like http://localhost:8082 or https://shop.test/base is right")
    return text


def _backlog(text: str) -> str | None:
    if assigns_secret(text):
        raise SettingsError(
            "--backlog-url: it holds what looks like a secret, and a run's folder keeps it; put that into --header, "
            "which is sent along to the service's own host"
        )
    return _url(text, "--backlog-url") if text else None


def _body(text: str) -> str:
    if body_shows_secret(text):
        raise SettingsError(
            "--order-body: it holds what looks like a secret, and a run's folder keeps it; put the body into a file"
        )
    return text


def _path(text: Callable[[str], str], name: str) -> str:
    path = text(name)
    if not path.startswith("/") or any(c.isspace() or not c.isprintable() for c in path) or not path.isascii():
        raise wrong(BY_NAME[name], path, f"a path begins with a slash and has no blanks, like {BY_NAME[name].example}")
    return path


def _health_path(text: Callable[[str], str]) -> str:
    path = _path(text, "health-path")
    if assigns_secret(path):
        raise SettingsError(
            "--health-path: it holds what looks like a secret, and the journal keeps it; put that into --header"
        )
    return path


def _place(text: Callable[[str], str], name: str, parse: Callable[[str], object]) -> str:
    given = text(name)
    try:
        parse(given)
    except ValueError as error:
        raise wrong(BY_NAME[name], given, str(error)) from None
    return given


def _matching(text: Callable[[str], str], name: str, form: re.Pattern[str], right: str) -> str:
    given = text(name)
    if not form.fullmatch(given):
        raise wrong(BY_NAME[name], given, f"{right}, for example {BY_NAME[name].example}")
    return given


def _choice(text: Callable[[str], str], name: str) -> str:
    given, choices = text(name), BY_NAME[name].choices
    if given not in choices:
        raise wrong(BY_NAME[name], given, f"choose {', '.join(choices[:-1])} or {choices[-1]}")
    return given


def _required(text: Callable[[str], str], name: str, remedy: str) -> str:
    if not text(name):
        raise SettingsError(f"--{name} is missing: --stack external needs it ({remedy})")
    return text(name)


def _table(text: Callable[[str], str], name: str) -> str:
    given = text(name)
    if not given or not all(given.split(".")) or given.count(".") > 1 or "\0" in given:
        raise wrong(BY_NAME[name], given, "the name of a table, or SCHEMA.TABLE, is right")
    return given


def _command(text: Callable[[str], str], name: str) -> str:
    given = text(name)
    if not given:
        return ""
    if command_shows_secret(given):
        raise SettingsError(
            f"--{name}: it holds what looks like a secret, and the journal must be able to repeat it; put the secret "
            "into the environment or into a script, and call that"
        )
    try:
        words = shlex.split(given)
    except ValueError as error:
        raise wrong(BY_NAME[name], given, f"{str(error).lower()}; quote it as for a shell") from None
    if not words:
        raise wrong(BY_NAME[name], given, f"a command is right, for example {BY_NAME[name].example}")
    return given
