"""Options of a service of the user's own (`--stack external`), checked as far as texts alone can be.

Pure: files that options name are read by `settings.service_files`. Where an id is found is written the same everywhere:
`key`, `header:NAME`, `value:PATH`, with the members of PATH joined by dots.
"""

from collections.abc import Mapping
from typing import Final

from contract.contract import Contract, contract_from_texts
from contract.order_id import IdKind
from contract.place import parse_filter, parse_place, parse_tag
from settings.errors import SettingsError
from settings.kinds import choice, member, optional, text
from settings.option import Option, OptionGroup
from settings.service_kinds import ANSWER_PLACE, BACKLOG_URL, BODY, COMMAND, HEALTH_PATH, HOST, PATH, TABLE, needed

_HOST: Final = Option(HOST, "", "Locust's own: base URL of the service", dest="host")


class ExternalSettings(
    OptionGroup, heading="A service of your own (--stack external)", fixed=True, only_with={"stack": ("external",)}
):
    """A service of the user's own.

    Args:
        texts: attribute name -> text of each option.
        host: Locust's own `--host`.
        attribution: how rows and events are attributed to the run.

    Attributes:
        base_url: `--host` without a slash at its end.
        contract: what an order, its row and its event look like.

    Raises:
        SettingsError: an option is wrong.
    """

    order_path = Option(PATH, "/orders", "path below --host to which an order is posted", "/api/v2/purchases")
    header = Option(
        text("'Name: value'"),
        "",
        "header sent with each order and health probe; may be given several times; @FILE: headers from a private file, "
        "one a line",
        "'Authorization: Bearer TOKEN'",
        secret=True,
        repeatable=True,
    )
    ca_file = Option(
        text("path"), "", "certificates (PEM) of the authorities that an https service is verified with", "ca.pem"
    )
    order_body = Option(
        BODY,
        "",
        "body of an order: JSON that begins with { or [, or a file that holds it. Filled in: ${customer_id} (a UUID of "
        "its own for each order), ${seq} (from 0 in each run), ${product_id} (a UUID), ${quantity}, ${unit_price}; a "
        "plain $ is written $$. Texts need quotes around the placeholder",
        """'{"buyer": "${customer_id}", "amount": ${quantity}}'""",
        without="that of the reference service",
    )
    order_id = Option(
        ANSWER_PLACE,
        "value:orderId",
        "where the answer has the order's id: value:PATH (members of its JSON, joined by dots; items.0.id for a list), "
        "header:NAME, or header:NAME/ for what follows the last slash in that header",
        "header:Location/",
    )
    id_kind = Option(
        member(IdKind),
        "uuid",
        "kind of the order ids; text: all but UUIDs and integers, for example ULIDs and ord_01H...; answer, row and "
        "event must hold the same text",
    )
    health_path = Option(
        HEALTH_PATH,
        "/actuator/health",
        "path below --host that answers 200 within 5 s while the service is healthy, asked with the headers and "
        "certificates of orders; a status in its JSON must agree (UP, ok, pass, ...), and a redirect does not count. "
        "none: the service is not probed (not with --fault-target service)",
        "/healthz",
    )
    database_url = Option(
        needed("LOCUST_DATABASE_URL or @FILE", "postgresql://..."),
        "",
        "PostgreSQL of the service, as a connection string of libpq; a role that may read the orders is enough; @FILE: "
        "from a private file",
        "@database-url",
        secret=True,
    )
    orders_table = Option(TABLE, "orders", "table or view that holds the orders, TABLE or SCHEMA.TABLE", "shop.sales")
    orders_id_column = Option(needed("the column with the order id"), "id", "its column with the order id", "order_no")
    orders_tag_column = Option(
        needed("or none"),
        "customer_id",
        "its column that stores the ${customer_id} that was sent; none: no column does",
        "buyer_ref",
    )
    orders_time_column = Option(
        needed("the column with the time of creation"),
        "created_at",
        "its column with the time of creation; only --attribution exclusive needs it",
        "inserted_at",
    )
    outbox_table = Option(
        optional(TABLE),
        "",
        "table of events that wait to be published (columns aggregateid, published_at); what it still holds is "
        "pending, not lost",
        "outbox",
    )
    backlog_url = Option(
        optional(BACKLOG_URL),
        "",
        'URL that answers {"pending": n}, the number of events that wait to be published; the drain waits for 0. The '
        "headers of orders are sent along if it is on the same host and port",
        "http://localhost:8082/outbox/backlog",
    )
    kafka_bootstrap = Option(
        text("host:port[,host:port]"), "", "first broker that the harness connects to", "localhost:9092"
    )
    kafka_config = Option(
        text("path"),
        "",
        "file of Kafka client properties as librdkafka names them, name=value a line (SASL, TLS)",
        "client.properties",
    )
    event_id = Option(
        text(check=parse_place),
        "",
        "where an event has its order's id: key, header:NAME or value:PATH",
        "value:order.id",
        without="value:orderId, with which a key must agree",
    )
    event_filter = Option(
        text(check=parse_filter),
        "",
        "which records are events: header:NAME=VALUE or value:PATH=VALUE; for CloudEvents value:type=..., or "
        "header:ce_type=... in binary mode",
        "value:kind=OrderPlaced",
        without="a type or eventType, if there is one, must hold `created`",
    )
    event_tag = Option(
        text(check=parse_tag),
        "",
        "where an event carries the ${customer_id} that was sent: key, header:NAME or value:PATH; none: nowhere. Used "
        "with --attribution tagged only",
        "value:buyer.id",
        without="value:customerId",
    )
    break_command = Option(
        COMMAND, "", "command that breaks the target; only together with --heal-command", "'systemctl stop kafka'"
    )
    heal_command = Option(
        COMMAND,
        "",
        "command that heals the target; must be harmless if there is nothing to heal",
        "'systemctl start kafka'",
    )
    command_check = Option(
        COMMAND,
        "",
        "command that ends with 0 while the target is up; a target that is down before the run is left alone",
        "'systemctl is-active kafka'",
    )
    command_shell = Option(
        choice("yes", "no"),
        "no",
        "whether these commands are run by sh -c; no: words are split as a shell does, and nothing is expanded",
        "yes",
    )
    target_container = Option(
        text(),
        "",
        "container that is broken instead of a pair of commands: its name, or PROJECT/SERVICE of Compose",
        "shop/redpanda",
    )

    def __init__(self, texts: Mapping[str, object], host: str | None, attribution: str) -> None:
        self.base_url: Final = _HOST.parse(host or "").rstrip("/")
        super().__init__(texts)
        self.contract: Final[Contract] = contract_from_texts(
            orders_table=self.orders_table,
            orders_id_column=self.orders_id_column,
            orders_tag_column=self.orders_tag_column,
            orders_time_column=self.orders_time_column,
            outbox_table=self.outbox_table,
            id_kind=self.id_kind.value,
            event_id=self.event_id,
            event_filter=self.event_filter,
            event_tag=self.event_tag,
            attribution=attribution,
        )

    @property
    def reference_answer(self) -> bool:
        """Whether orders are asked for and answered as the reference service does it."""
        return (self.order_path, self.order_body, self.order_id) == ("/orders", "", "value:orderId") and (
            self.id_kind is IdKind.UUID
        )


def check_external(made: ExternalSettings, scenario: str, fault_target: str, attribution: str) -> None:
    """Check that the options go together, with each other and with these of the run.

    Raises:
        SettingsError: they do not.
    """
    _check_target(made, scenario)
    if scenario == "lost-event" and fault_target == "service" and made.health_path is None:
        raise SettingsError(
            "--health-path none: --fault-target service needs a path, because probes of it prove down and back; give "
            "one that answers 200 while the service is healthy"
        )
    if attribution == "tagged":
        _check_tags(made.contract)
    if scenario == "phantom-event" and not made.reference_answer:
        raise SettingsError(
            "--scenario phantom-event: only a service with the reference contract has its endpoint; leave "
            "--order-path, --order-body, --order-id and --id-kind out, or choose lost-event or control"
        )
    if not (made.kafka_bootstrap or made.kafka_config):
        raise SettingsError("--kafka-bootstrap is missing: --stack external needs a broker, for example localhost:9092")


def _check_target(made: ExternalSettings, scenario: str) -> None:
    pair = (made.break_command, made.heal_command)
    if any(pair) and not all(pair):
        given, other = ("--break-command", "--heal-command") if pair[0] else ("--heal-command", "--break-command")
        raise SettingsError(f"{given}: it needs {other} as well; give both or neither")
    if any(pair) and made.target_container:
        raise SettingsError(
            f"--target-container {made.target_container}: give either that or --break-command and --heal-command"
        )
    if made.command_check and not any(pair):
        raise SettingsError(
            f"--command-check {made.command_check}: it checks only the effect of --break-command; leave it out"
        )
    if scenario == "lost-event" and not any(pair) and not made.target_container:
        raise SettingsError(
            "--scenario lost-event: it injects a fault, and no fault is injected without an explicit target; give "
            "--break-command and --heal-command, or --target-container, or choose --scenario control, which breaks "
            "nothing"
        )


def _check_tags(contract: Contract) -> None:
    missing = {
        "--orders-tag-column none": contract.table.tag_column is None,
        "--event-tag none": contract.event.tag_place is None,
    }
    for option in filter(missing.get, missing):
        raise SettingsError(
            f"{option}: --attribution tagged needs the customer id in row and event; give --attribution "
            "acknowledged-only, or exclusive if no other client creates orders during the run"
        )
