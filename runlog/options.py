"""The one declaration of all options: from it come the command-line parser, `locust.conf` keys, environment variables,
the web form, `make options` and the checks.

Every value arrives as text (command line, environment, file and form alike), because Locust's form turns a bad float
into an HTTP 500 and cannot read `2m`; `runlog.settings` makes typed values of it and refuses bad ones.
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
WITNESSES: Final = "the witnesses"
RUN: Final = "the run"

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
        "which component the fault is done to",
        PLAN,
        choices=("broker", "database", "service"),
    ),
    Option(
        "max-outage",
        "",
        "time after which an outage is mended by the watchdog, whatever the harness does; without it: the longest "
        "outage + fault timeout + 30s",
        PLAN,
        "duration",
        "5m",
    ),
    Option(
        "fault-timeout", "60s", "longest wait for the target to be proven down, or proven back", PLAN, "duration", "2m"
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
        "settle",
        "",
        "quiet time without a new row or event that ends the drain; without it: delivery timeout + block time + 1.5s",
        PLAN,
        "duration",
        "10s",
    ),
    Option("drain-timeout", "60s", "longest wait for the quiet after the load", PLAN, "duration", "5m"),
    Option("rate", "20", "orders that fall due each second, whatever the answers take", LOAD, "orders/s", "100"),
    Option("request-timeout", "10s", "bound of one whole request", LOAD, "duration", "5s"),
    Option(
        "stack",
        "embedded",
        "where the system under test comes from: embedded (processes of this checkout) or compose (containers)",
        STACK,
        choices=("embedded", "compose"),
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
    ),
    Option(
        "service-confirm-wait",
        "0",
        "longest wait of the variants awaited and raised for a confirmed event; 0: until it is delivered or given up",
        STACK,
        "duration",
        "1s",
    ),
    Option(
        "service-publish-failure",
        "201",
        "what the variant awaited answers after a failed publish",
        STACK,
        "HTTP status",
        "500",
        choices=("201", "500"),
    ),
    Option("service-pool", "32", "database connections of the embedded order service", STACK, "connections", "5"),
    Option(
        "service-pool-wait",
        "5s",
        "longest wait of a request for a database connection of the embedded order service",
        STACK,
        "duration",
        "1s",
    ),
    Option(
        "service-block-time",
        "1s",
        "longest time that a publish holds its request while the broker is away",
        STACK,
        "duration",
        "0",
    ),
    Option(
        "delivery-timeout", "3s", "time after which the service's producer gives an event up", STACK, "duration", "10s"
    ),
    Option("service-port", "0", "port of the embedded order service; 0 chooses a free one", STACK, "port", "8082"),
    Option("database-port", "0", "port of the embedded PostgreSQL; 0 chooses a free one", STACK, "port", "5432"),
    Option("kafka-port", "0", "port of the embedded Kafka; 0 chooses a free one", STACK, "port", "9092"),
    Option("topic", "order.created", "topic that the service publishes to", WITNESSES, example="orders"),
    Option(
        "attribution",
        "tagged",
        "how rows and events are told to be of this run: by the customer id sent, as all since the start (nobody else "
        "writes), or just those whose ids were acknowledged",
        WITNESSES,
        choices=("tagged", "exclusive", "acknowledged-only"),
    ),
    Option("dry-run", "", "say what would be done and to what, and end; nothing is touched", RUN, is_flag=True),
    Option("runs-dir", "runs", "folder that holds one folder a run", RUN, "path", "/data/runs"),
)

BY_NAME: Final = {option.name: option for option in OPTIONS}
