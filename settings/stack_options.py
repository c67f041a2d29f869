"""Options of the load, the stack under it, the drain, the witnesses, and the run itself."""

from typing import Final

from settings.kinds import FLAG, LINES, choice, duration, matching, number, optional, text, whole
from settings.option import Option, OptionGroup

# The producer of our own service gives up an event after this time, unless another is asked for.
OUR_DELIVERY_S: Final = 3.0
# Beyond the producer's own limits: time for the last appends to be seen.
_SETTLE_MARGIN_S: Final = 1.5
# Settle time if nothing is known of the producer.
_UNKNOWN_SETTLE_S: Final = 5.5
_PORT: Final = whole(0, 65535, "port")


class LoadOptions(OptionGroup, heading="The load"):
    """How orders are sent."""

    rate = Option(
        number(0.0, 10_000.0, "orders/s"), "20", "orders that fall due each second, however slow the answers are", "100"
    )
    request_timeout = Option(
        duration(0.1), "10s", "longest time of one request, from sending to the complete answer", "5s"
    )


class StackOptions(OptionGroup, heading="The system under test"):
    """Where the system under test comes from."""

    stack = Option(
        choice("embedded", "compose", "external"),
        "embedded",
        "where the system under test comes from: embedded (processes of this checkout), compose (containers), or "
        "external (a service that you run yourself)",
        fixed=True,
    )
    compose_file = Option(
        text("path"),
        "",
        "compose file of --stack compose",
        "../shop/compose.yaml",
        without="docker-compose.yml beside locustfile.py",
        fixed=True,
    )
    compose_project = Option(
        matching(
            r"([a-z0-9][a-z0-9_-]*)?", "a project's name consists of lower-case letters, digits, dashes and underscores"
        ),
        "",
        "compose project of --stack compose",
        "shop",
        without="the name that Compose gives it, its folder's",
        fixed=True,
    )


class OurServiceOptions(
    StackOptions, heading="Our order service (--stack embedded|compose)", only_with={"stack": ("embedded", "compose")}
):
    """How our own order service behaves. Durations in seconds."""

    service_variant = Option(
        choice("naive", "after-commit", "awaited", "raised", "outbox"),
        "naive",
        "how our order service publishes: four dual writes, or an outbox",
    )
    service_confirm_wait = Option(
        duration(0.0),
        "0",
        "longest time that the variants awaited and raised wait for the delivery of an event; 0: until it is delivered "
        "or given up",
        "1s",
    )
    service_publish_failure = Option(
        choice("201", "500"), "201", "HTTP status with which the variant awaited answers after a failed publish", "500"
    )
    service_pool = Option(whole(1, 150, "connections"), "32", "database connections of our order service", "5")
    service_pool_wait = Option(
        duration(0.1), "5s", "longest time that a request waits for a database connection of our order service", "1s"
    )
    service_port = Option(_PORT, "0", "port of our order service; 0: a free one", "8082", fixed=True)
    database_port = Option(_PORT, "0", "port of our PostgreSQL; 0: a free one", "5432", fixed=True)
    kafka_port = Option(_PORT, "0", "port of our Kafka; 0: a free one", "9092", fixed=True)


class DrainOptions(StackOptions, heading="The publisher and the drain"):
    """How long the service may still publish, and how long that is waited for. Durations in seconds."""

    service_block_time = Option(
        duration(0.0), "1s", "longest time that a publish blocks its request while no broker answers", "0", ours=True
    )
    delivery_timeout = Option(
        optional(duration(0.1)),
        "",
        "time after which the service's producer gives up an event (Java's default: 120s)",
        "10s",
        without="3s; unknown with --stack external",
        ours=True,
    )
    settle = Option(
        duration(0.5),
        "",
        "time without a new row or event that ends the drain",
        "10s",
        without="delivery timeout + block time + 1.5s; 5.5s if the delivery timeout is unknown",
    )
    publish_horizon = Option(
        optional(duration(0.0)),
        "",
        "longest time after an outage, or after an order, within which the service still publishes an event; the drain "
        "waits for it",
        "2m",
        without="our own service: delivery timeout + block time; with a monitored backlog: until it is empty; "
        "otherwise as long as the longest outage",
    )
    drain_timeout = Option(
        optional(duration(1.0)),
        "",
        "longest drain; if it ends before the publish horizon, missing events are suspected and not lost",
        "5m",
        without="room for settle time and publish horizon, at least 60s",
    )

    @delivery_timeout.fallback
    def _delivery_timeout(self) -> float | None:
        return None if self.stack == "external" else OUR_DELIVERY_S

    @settle.fallback
    def _settle(self) -> float:
        if self.delivery_timeout is None:
            return _UNKNOWN_SETTLE_S
        return self.delivery_timeout + self.service_block_time + _SETTLE_MARGIN_S


class WitnessOptions(OptionGroup, heading="The witnesses"):
    """Where the events are, and how rows and events are attributed to the run."""

    topic = Option(
        matching(
            r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}",
            "a topic's name consists of 1 to 249 letters, digits, dots, dashes and underscores",
        ),
        "order.created",
        "topic that the service publishes to",
        "orders",
    )
    attribution = Option(
        choice("tagged", "exclusive", "acknowledged-only"),
        "tagged",
        "which rows and events belong to this run: those with the customer id that was sent (tagged), all since its "
        "start (exclusive: no other client creates orders), or those whose ids were acknowledged (acknowledged-only)",
    )
    vouch_topic_intact = Option(
        FLAG,
        "",
        "you vouch that the topic keeps every record during the run (not compacted, not re-created, no write caching "
        "that a kill loses); without it, missing events are only suspected if the Kafka user may not read the topic's "
        "configuration",
    )


class RunOptions(OptionGroup, heading="The run"):
    """What a run leaves behind, and who may control it."""

    dry_run = Option(FLAG, "", "print what the run would do and to what, and end; nothing is touched", fixed=True)
    locust_output = Option(
        FLAG, "", "also show the log lines of Locust's runner, and Locust's tables of statistics", fixed=True
    )
    allowed_host = Option(
        LINES,
        "",
        "another host name under which the web UI answers; may be given several times",
        "chaos.example.test",
        without="localhost and the addresses of this machine only",
        repeatable=True,
        fixed=True,
    )
    runs_dir = Option(
        matching("(?s).+", "", "path"), "runs", "folder that holds one folder a run", "/data/runs", fixed=True
    )
