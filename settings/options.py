"""The one declaration of all options: from it come the command-line parser, `locust.conf` keys, environment variables,
the web form, `make options` and the checks.

Every value arrives as text (command line, environment, file and form alike), because Locust's form turns a bad float
into an HTTP 500 and cannot read `2m`; `settings.run_settings` makes typed values of it and refuses bad ones.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `locust`.

    Attributes:
        name: long flag without dashes, also the key in `locust.conf`.
        default: its text when nothing is given; empty means not set.
        unit: unit of the value, for people; empty where it has none.
        help: one line on what it does.
        example: a sensible other value.
        group: heading under which `make options` shows it.
        choices: the values that are right, when there are only some.
        secret: the value must never be shown or written.
        is_flag: given without a value, it is on.
        repeatable: may be given several times; as one text, one value a line.
        not_for: the stacks with which it makes no sense.
    """

    name: str
    default: str
    help: str
    group: str
    unit: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    secret: bool = False
    is_flag: bool = False
    repeatable: bool = False
    not_for: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return f"--{self.name}"

    @property
    def dest(self) -> str:
        """Attribute of the parsed options."""
        return self.name.replace("-", "_")

    @property
    def env(self) -> str:
        """The environment variable."""
        return f"LOCUST_{self.dest.upper()}"


PLAN: Final = "the plan"
LOAD: Final = "the load"
STACK: Final = "the system under test"
SERVICE: Final = "a service of your own (--stack external)"
WITNESSES: Final = "the witnesses"
RUN: Final = "the run"

EMBEDDED: Final = ("embedded", "compose")
EXTERNAL: Final = ("external",)

OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        "scenario",
        "lost-event",
        "what the run shows: lost-event breaks the target under load, phantom-event has the service roll orders back "
        "after their publish, control is the plan without a fault",
        PLAN,
        choices=("lost-event", "phantom-event", "control"),
    ),
    Option("baseline", "10s", "healthy time before the outage", PLAN, "duration", "30s"),
    Option(
        "outage",
        "15s",
        "time the target is kept down, from proven down to the start of healing",
        PLAN,
        "duration",
        "1m",
    ),
    Option("recovery", "10s", "load goes on this long after the target is proven back", PLAN, "duration", "30s"),
    Option("outages", "1", "how many outages, one after the other, each with its recovery", PLAN, "outages", "3"),
    Option(
        "seed",
        "",
        "draws each length of the plan from half to one and a half times what is given, the same for the same seed; "
        "without it the lengths are as given",
        PLAN,
        "number",
        "42",
    ),
    Option(
        "fault",
        "stop",
        "what is done to the fault target: an orderly stop, a kill, a pause (it freezes), or a partition (only the "
        "way to it is cut)",
        PLAN,
        choices=("stop", "kill", "pause", "partition"),
    ),
    Option(
        "fault-target",
        "broker",
        "component that the fault is injected into",
        PLAN,
        choices=("broker", "database", "service"),
    ),
    Option(
        "max-outage",
        "",
        "time after which the watchdog heals an outage, whatever the harness does, from the end of the act that began "
        "it; without it: the longest outage + fault timeout + 30s",
        PLAN,
        "duration",
        "5m",
    ),
    Option(
        "fault-timeout", "60s", "longest wait for the target to be proven down, or proven back", PLAN, "duration", "2m"
    ),
    Option(
        "command-timeout",
        "10m",
        "longest time of one act on the target: a break or heal command, the stop of a process or container; what "
        "takes longer is ended by force",
        PLAN,
        "duration",
        "30m",
    ),
    Option(
        "expect",
        "",
        "verdict that makes exit code 0; without it: consistent, for the scenario phantom-event: phantom-events",
        PLAN,
        example="lost-events",
        choices=("consistent", "lost-events", "phantom-events", "any"),
    ),
    Option(
        "fail-on-duplicates",
        "",
        "an event that was published twice (two records of one order, not under one event id) makes the verdict "
        "inconsistent; one that is only redelivered does not",
        PLAN,
        is_flag=True,
    ),
    Option(
        "settle",
        "",
        "quiet time without a new row or event that ends the drain; without it: delivery timeout + block time + 1.5s "
        "(5.5s where the delivery timeout is unknown)",
        PLAN,
        "duration",
        "10s",
    ),
    Option(
        "publish-horizon",
        "",
        "longest time after an outage, or after an order, within which the service still publishes an event; the drain "
        "waits for it. Without it: delivery timeout + block time of our own service, until a watched backlog is empty, "
        "else as long as the longest outage",
        PLAN,
        "duration",
        "2m",
    ),
    Option(
        "drain-timeout",
        "",
        "longest wait for the quiet after the load; without it: room for settle time and publish horizon, at least "
        "60s. If it ends before the publish horizon, missing events are suspected and not lost",
        PLAN,
        "duration",
        "5m",
    ),
    Option("rate", "20", "orders that fall due each second, whatever the answers take", LOAD, "orders/s", "100"),
    Option(
        "request-timeout",
        "10s",
        "longest time of one whole request, from sending to the complete answer",
        LOAD,
        "duration",
        "5s",
    ),
    Option(
        "stack",
        "embedded",
        "where the system under test comes from: embedded (processes of this checkout), compose (containers), or "
        "external (a service that you run yourself)",
        STACK,
        choices=("embedded", "compose", "external"),
    ),
    Option(
        "compose-file",
        "",
        "compose file of --stack compose; without it: docker-compose.yml beside locustfile.py",
        STACK,
        "path",
        "../shop/compose.yaml",
    ),
    Option(
        "compose-project",
        "",
        "compose project of --stack compose; without it: the name that Compose gives it, its folder's",
        STACK,
        example="shop",
    ),
    Option(
        "service-variant",
        "naive",
        "how the embedded order service publishes",
        STACK,
        choices=("naive", "after-commit", "awaited", "raised", "outbox"),
        not_for=EXTERNAL,
    ),
    Option(
        "service-confirm-wait",
        "0",
        "longest wait of the variants awaited and raised for a confirmed event; 0: until it is delivered or given up",
        STACK,
        "duration",
        "1s",
        not_for=EXTERNAL,
    ),
    Option(
        "service-publish-failure",
        "201",
        "what the variant awaited answers after a failed publish",
        STACK,
        "HTTP status",
        "500",
        choices=("201", "500"),
        not_for=EXTERNAL,
    ),
    Option(
        "service-pool",
        "32",
        "database connections of the embedded order service",
        STACK,
        "connections",
        "5",
        not_for=EXTERNAL,
    ),
    Option(
        "service-pool-wait",
        "5s",
        "longest wait of a request for a database connection of the embedded order service",
        STACK,
        "duration",
        "1s",
        not_for=EXTERNAL,
    ),
    Option(
        "service-block-time",
        "1s",
        "longest time that a publish holds its request while the broker is down",
        STACK,
        "duration",
        "0",
    ),
    Option(
        "delivery-timeout",
        "",
        "time after which the service's producer gives an event up; without it: 3s, and unknown with --stack external",
        STACK,
        "duration",
        "10s",
    ),
    Option(
        "service-port",
        "0",
        "port of the embedded order service; 0 chooses a free one",
        STACK,
        "port",
        "8082",
        not_for=EXTERNAL,
    ),
    Option(
        "database-port",
        "0",
        "port of the embedded PostgreSQL; 0 chooses a free one",
        STACK,
        "port",
        "5432",
        not_for=EXTERNAL,
    ),
    Option(
        "kafka-port", "0", "port of the embedded Kafka; 0 chooses a free one", STACK, "port", "9092", not_for=EXTERNAL
    ),
    Option(
        "order-path",
        "/orders",
        "path below --host where an order is created by POST",
        SERVICE,
        example="/api/v2/purchases",
        not_for=EMBEDDED,
    ),
    Option(
        "header",
        "",
        "header sent with each order and health probe, may be given several times; @FILE: one a line from a private "
        "file",
        SERVICE,
        "'Name: value'",
        "'Authorization: Bearer TOKEN'",
        secret=True,
        repeatable=True,
        not_for=EMBEDDED,
    ),
    Option(
        "ca-file",
        "",
        "certificates (PEM) by which an https service is trusted",
        SERVICE,
        "path",
        "ca.pem",
        not_for=EMBEDDED,
    ),
    Option(
        "order-body",
        "",
        "JSON body of an order, or a file that holds it; filled in: ${customer_id} (a UUID of its own for each order), "
        "${seq}, ${product_id}, ${quantity}, ${unit_price}; without it: that of the reference service",
        SERVICE,
        "JSON or path",
        """'{"buyer": "${customer_id}", "amount": ${quantity}}'""",
        not_for=EMBEDDED,
    ),
    Option(
        "order-id",
        "value:orderId",
        "where the answer has the order's id: value:PATH (members of its JSON, joined by dots), header:NAME, or "
        "header:NAME/ for what follows the last slash in that header",
        SERVICE,
        example="header:Location/",
        not_for=EMBEDDED,
    ),
    Option("id-kind", "uuid", "what order ids are", SERVICE, choices=("uuid", "integer", "text"), not_for=EMBEDDED),
    Option(
        "health-path",
        "/actuator/health",
        "path below --host that answers 200 while the service is healthy; none: it is not probed",
        SERVICE,
        example="/healthz",
        not_for=EMBEDDED,
    ),
    Option(
        "database-url",
        "",
        "PostgreSQL of the service, a role that may read the orders is enough; @FILE: from a private file",
        SERVICE,
        "postgresql://...",
        "@database-url",
        secret=True,
        not_for=EMBEDDED,
    ),
    Option(
        "orders-table",
        "orders",
        "table that holds the orders, with a schema or without",
        SERVICE,
        example="shop.sales",
        not_for=EMBEDDED,
    ),
    Option("orders-id-column", "id", "its column with the order id", SERVICE, example="order_no", not_for=EMBEDDED),
    Option(
        "orders-tag-column",
        "customer_id",
        "its column that stores the ${customer_id} that was sent; none: there is none",
        SERVICE,
        example="buyer_ref",
        not_for=EMBEDDED,
    ),
    Option(
        "orders-time-column",
        "created_at",
        "its column with the time of creation; --attribution exclusive needs it",
        SERVICE,
        example="inserted_at",
        not_for=EMBEDDED,
    ),
    Option(
        "outbox-table",
        "",
        "table of events that wait to go out; what it still holds is pending, not lost",
        SERVICE,
        example="outbox",
        not_for=EMBEDDED,
    ),
    Option(
        "backlog-url",
        "",
        'URL that answers {"pending": n}, the number of events that wait to go out',
        SERVICE,
        "URL",
        "http://localhost:8082/outbox/backlog",
        not_for=EMBEDDED,
    ),
    Option(
        "kafka-bootstrap",
        "",
        "broker that the harness begins with",
        SERVICE,
        "host:port[,host:port]",
        "localhost:9092",
        not_for=EMBEDDED,
    ),
    Option(
        "kafka-config",
        "",
        "file of Kafka client properties as librdkafka names them, name=value a line (SASL, TLS)",
        SERVICE,
        "path",
        "client.properties",
        not_for=EMBEDDED,
    ),
    Option(
        "event-id",
        "",
        "where an event has its order's id: key, header:NAME or value:PATH; without it: the reference contract",
        SERVICE,
        example="value:order.id",
        not_for=EMBEDDED,
    ),
    Option(
        "event-filter",
        "",
        "which records are the events: header:NAME=VALUE or value:PATH=VALUE; without it: a type or eventType, if "
        "there is one, must hold `created`",
        SERVICE,
        example="value:kind=OrderPlaced",
        not_for=EMBEDDED,
    ),
    Option(
        "event-tag",
        "",
        "where an event carries the ${customer_id} that was sent: key, header:NAME or value:PATH; none: it carries "
        "none; without it: value:customerId",
        SERVICE,
        example="value:buyer.id",
        not_for=EMBEDDED,
    ),
    Option(
        "break-command",
        "",
        "command that breaks the target",
        SERVICE,
        example="'systemctl stop kafka'",
        not_for=EMBEDDED,
    ),
    Option(
        "heal-command",
        "",
        "command that heals it; must be harmless when there is nothing to heal",
        SERVICE,
        example="'systemctl start kafka'",
        not_for=EMBEDDED,
    ),
    Option(
        "command-check",
        "",
        "command that ends with 0 while the target is up",
        SERVICE,
        example="'systemctl is-active kafka'",
        not_for=EMBEDDED,
    ),
    Option(
        "command-shell",
        "no",
        "whether those commands are run by sh; no: they are split into words and run as they are",
        SERVICE,
        example="yes",
        choices=("yes", "no"),
        not_for=EMBEDDED,
    ),
    Option(
        "target-container",
        "",
        "container that is broken instead of a pair of commands: its name, or PROJECT/SERVICE of compose",
        SERVICE,
        example="shop/redpanda",
        not_for=EMBEDDED,
    ),
    Option("topic", "order.created", "topic that the service publishes to", WITNESSES, example="orders"),
    Option(
        "attribution",
        "tagged",
        "how rows and events are attributed to this run: by the customer id sent, as all since the start (no one else "
        "writes), or only those whose ids were acknowledged",
        WITNESSES,
        choices=("tagged", "exclusive", "acknowledged-only"),
    ),
    Option(
        "vouch-topic-intact",
        "",
        "you vouch that the topic keeps every record during the run (not compacted, not re-created, no write caching "
        "that a kill empties): for a Kafka user that may not describe the topic's configuration",
        WITNESSES,
        is_flag=True,
    ),
    Option("dry-run", "", "say what would be done and to what, and end; nothing is touched", RUN, is_flag=True),
    Option(
        "allowed-host",
        "",
        "further name under which the web UI answers, may be given several times; without it: localhost and the "
        "addresses of this machine only",
        RUN,
        "host",
        "chaos.example.test",
        repeatable=True,
    ),
    Option("runs-dir", "runs", "folder that holds one folder a run", RUN, "path", "/data/runs"),
)

# A shorter beginning of a flag fits too many options to mean one of them.
_SHORTEST: Final = 4


def names_secret(flag: str) -> bool:
    """Return whether `flag` is that of a secret option; parsers take the beginning of one for the whole."""
    return len(flag) >= _SHORTEST and any(option.flag.startswith(flag) for option in OPTIONS if option.secret)


BY_NAME: Final = {option.name: option for option in OPTIONS}
