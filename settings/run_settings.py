"""Typed, checked settings of one run, made from the texts of `settings.options`.

A wrong value ends in a `SettingsError` whose message is one sentence: the option, the value, and what would be right.
Pure: no clock, no files, no sockets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.contract import Contract, contract_from_texts
from contract.publish_horizon import Publisher
from settings.duration import parse_duration
from settings.errors import SettingsError
from settings.errors import wrong as _wrong
from settings.external import ExternalSettings, make_external
from settings.options import BY_NAME, OPTIONS

__all__ = ["Settings", "SettingsError", "default_expectation", "defaults", "make_settings"]

# A pause shorter than this cannot be told from a broker that is merely slow to answer the lookout.
SHORTEST_OUTAGE_S: Final = 2.0
# What Kafka and Redpanda take as a topic's name.
TOPIC_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
# What Compose takes as a project's name.
PROJECT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
LONGEST_S: Final = 24 * 3600.0
HIGHEST_RATE: Final = 10_000.0
MOST_OUTAGES: Final = 100
# With a seed each length is drawn between these parts of the one that was asked for.
SHORTEST_PART: Final = 0.5
LONGEST_PART: Final = 1.5
# Time for the acts themselves, beyond their proofs.
ACT_MARGIN_S: Final = 30.0
# Beyond the producer's own limits: time for the last appends to be seen.
SETTLE_MARGIN_S: Final = 1.5
# The producer of our own service gives an event up after this time, unless another is asked for.
OUR_DELIVERY_S: Final = 3.0
# Settle time where nothing is known of the producer.
UNKNOWN_SETTLE_S: Final = 5.5


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run is asked to do. Durations in seconds, the rate in orders per second, ports as numbers (0: any).

    Attributes:
        expect: the verdict that makes exit code 0.
        expect_source: where the expectation came from, in words.
        allowed_hosts: further names under which the web UI is answered.
        fail_on_duplicates: an event that was published twice counts as a violation.
        settle: quiet seconds that end the drain.
        drain_timeout: longest drain; None: as long as its plan asks for (`contract.publish_horizon.longest_drain`).
        delivery_timeout: when the service's producer gives an event up; None: unknown.
        publish_horizon: within which time the service still publishes an event; None: not stated.
        seed: draws the lengths of the plan; None: they are as given.
        max_outage: seconds after which the watchdog heals, whatever the harness does.
        command_timeout: longest time of one act on the target, seconds.
        external: the service of the user's own with `stack` external, else None.
    """

    scenario: str
    baseline: float
    outage: float
    recovery: float
    outages: int
    seed: int | None
    fault: str
    fault_target: str
    max_outage: float
    fault_timeout: float
    command_timeout: float
    expect: str
    expect_source: str
    settle: float
    drain_timeout: float | None
    publish_horizon: float | None
    rate: float
    request_timeout: float
    stack: str
    compose_file: str
    compose_project: str
    service_variant: str
    service_pool: int
    service_pool_wait: float
    service_block_time: float
    delivery_timeout: float | None
    service_port: int
    database_port: int
    kafka_port: int
    service_confirm_wait: float
    service_publish_failure: str
    topic: str
    attribution: str
    runs_dir: str
    dry_run: bool
    fail_on_duplicates: bool = False
    vouch_topic_intact: bool = False
    allowed_hosts: tuple[str, ...] = ()
    external: ExternalSettings | None = None

    @property
    def contract(self) -> Contract:
        """What an order, its row and its event look like."""
        if self.external is not None:
            return self.external.contract
        return contract_from_texts(outbox_table="outbox" if self.service_variant == "outbox" else None, own=True)

    @property
    def injects_faults(self) -> bool:
        """Whether the scenario breaks anything: the others run the same plan without a fault."""
        return self.scenario == "lost-event"

    @property
    def load_seconds(self) -> float:
        """Seconds that arrivals will fall due, at least: the fault's own edges come on top."""
        return self.baseline + (self.outage + self.recovery) * self.outages

    @property
    def publisher(self) -> Publisher:
        """What is known of the service's publisher."""
        if self.external is not None:
            watched = self.external.backlog_url is not None
            return Publisher(False, self.delivery_timeout, None, self.publish_horizon, watched)
        outbox = self.service_variant == "outbox"
        return Publisher(True, self.delivery_timeout, self.service_block_time, self.publish_horizon, outbox)


def defaults() -> dict[str, str]:
    """Return the default text of each option by attribute name."""
    return {option.dest: option.default for option in OPTIONS}


def make_settings(texts: Mapping[str, object], host: str | None = None) -> Settings:
    """Return the settings that `texts` (attribute name -> text) say; missing ones take their default.

    Args:
        texts: our options.
        host: Locust's own `--host`, which the stack `external` needs.

    Raises:
        SettingsError: one of them is wrong, or two contradict each other.
    """
    given = _Texts(texts)
    _check_stack(given)
    settings = Settings(
        scenario=given.choice("scenario"),
        baseline=given.seconds("baseline", least=1.0),
        outage=given.seconds("outage", least=SHORTEST_OUTAGE_S),
        recovery=given.seconds("recovery", least=1.0),
        outages=given.whole("outages", least=1, most=MOST_OUTAGES),
        seed=given.whole("seed", least=0, most=10**9) if given.text("seed") else None,
        fault=given.choice("fault"),
        fault_target=given.choice("fault-target"),
        max_outage=given.seconds("max-outage", least=SHORTEST_OUTAGE_S)
        if given.text("max-outage")
        else _default_longest(given),
        fault_timeout=given.seconds("fault-timeout", least=5.0),
        command_timeout=given.seconds("command-timeout", least=1.0),
        expect=given.choice("expect") or default_expectation(given.choice("scenario")),
        expect_source="--expect" if given.choice("expect") else _source_of_default(given.choice("scenario")),
        settle=given.seconds("settle", least=0.5) if given.text("settle") else _default_settle(given),
        drain_timeout=given.optional_seconds("drain-timeout", least=1.0),
        publish_horizon=given.optional_seconds("publish-horizon", least=0.0),
        rate=given.number("rate", above=0.0, most=HIGHEST_RATE),
        request_timeout=given.seconds("request-timeout", least=0.1),
        stack=given.choice("stack"),
        compose_file=given.text("compose-file"),
        compose_project=given.project("compose-project"),
        service_variant=given.choice("service-variant"),
        service_pool=given.whole("service-pool", least=1, most=150),
        service_pool_wait=given.seconds("service-pool-wait", least=0.1),
        service_block_time=given.seconds("service-block-time", least=0.0),
        delivery_timeout=_delivery_timeout(given),
        service_port=given.whole("service-port", least=0, most=65535),
        database_port=given.whole("database-port", least=0, most=65535),
        kafka_port=given.whole("kafka-port", least=0, most=65535),
        service_confirm_wait=given.seconds("service-confirm-wait", least=0.0),
        service_publish_failure=given.choice("service-publish-failure"),
        topic=given.topic("topic"),
        attribution=given.choice("attribution"),
        runs_dir=given.required("runs-dir"),
        dry_run=given.flag("dry-run"),
        fail_on_duplicates=given.flag("fail-on-duplicates"),
        vouch_topic_intact=given.flag("vouch-topic-intact"),
        allowed_hosts=tuple(given.text("allowed-host").replace(",", " ").split()),
        external=make_external(given.text, host, given.choice("scenario"), given.choice("attribution"))
        if given.choice("stack") == "external"
        else None,
    )
    _check_together(settings)
    return settings


def _check_stack(given: "_Texts") -> None:
    """Refuse what was given for another stack than the one that is chosen."""
    stack = given.choice("stack")
    for option in OPTIONS:
        text = given.text(option.name)
        if stack in option.not_for and text != option.default:
            raise _wrong(option, text, f"it makes no sense with --stack {stack}; leave it out")


def default_expectation(scenario: str) -> str:
    """Return the verdict that makes exit code 0 when none was asked for."""
    return "phantom-events" if scenario == "phantom-event" else "consistent"


def _source_of_default(scenario: str) -> str:
    return f"the default of the scenario {scenario}" if scenario == "phantom-event" else "the default"


def _delivery_timeout(given: "_Texts") -> float | None:
    asked = given.optional_seconds("delivery-timeout", least=0.1)
    if asked is None and given.choice("stack") != "external":
        return OUR_DELIVERY_S
    return asked


def _default_settle(given: "_Texts") -> float:
    delivery = _delivery_timeout(given)
    if delivery is None:
        return UNKNOWN_SETTLE_S
    return delivery + given.seconds("service-block-time", least=0.0) + SETTLE_MARGIN_S


def longest_outage(outage: float, seed: object) -> float:
    """Return how long an outage of the plan may be, seconds: with a seed half as long again as asked for."""
    return outage if seed in (None, "") else outage * LONGEST_PART


def _default_longest(given: "_Texts") -> float:
    longest = longest_outage(given.seconds("outage", least=SHORTEST_OUTAGE_S), given.text("seed"))
    return longest + given.seconds("fault-timeout", least=5.0) + ACT_MARGIN_S


def _check_together(settings: Settings) -> None:
    if settings.max_outage <= longest_outage(settings.outage, settings.seed):
        raise SettingsError(
            f"--max-outage {settings.max_outage:g}s would end an outage of up to "
            f"{longest_outage(settings.outage, settings.seed):g}s before its time; give a longer --max-outage"
        )
    _check_drain(settings)
    if settings.rate * settings.baseline < 1 or settings.rate * settings.recovery < 1:
        raise SettingsError(
            f"--rate {settings.rate:g} gives not one order to a baseline of {settings.baseline:g}s and a recovery "
            f"of {settings.recovery:g}s; give a higher --rate or longer phases"
        )
    ports = [port for port in (settings.service_port, settings.database_port, settings.kafka_port) if port]
    if len(set(ports)) != len(ports):
        raise SettingsError(
            f"--service-port {settings.service_port}, --database-port {settings.database_port} and --kafka-port "
            f"{settings.kafka_port} must differ; 0 chooses a free one"
        )


def _check_drain(settings: Settings) -> None:
    """Refuse a drain timeout that no drain can keep. One that ends before the publish horizon is a choice."""
    longest = settings.drain_timeout
    if longest is None:
        return
    if settings.settle >= longest:
        raise SettingsError(
            f"--settle {settings.settle:g}s does not fit into --drain-timeout {longest:g}s; "
            "give a longer --drain-timeout"
        )
    if settings.request_timeout + settings.settle >= longest:
        raise SettingsError(
            f"--request-timeout {settings.request_timeout:g}s and the settle time {settings.settle:g}s do not fit into "
            f"--drain-timeout {longest:g}s; give a longer --drain-timeout"
        )


class _Texts:
    """The texts as given, read one by one; each method names the option when it refuses."""

    def __init__(self, texts: Mapping[str, object]) -> None:
        self._texts = texts

    def text(self, name: str) -> str:
        value = self._texts.get(BY_NAME[name].dest)
        return BY_NAME[name].default if value is None else str(value).strip()

    def required(self, name: str) -> str:
        text = self.text(name)
        if not text:
            raise _wrong(BY_NAME[name], text, f"it must not be empty, for example {BY_NAME[name].default}")
        return text

    def flag(self, name: str) -> bool:
        text = self.text(name)
        if text.lower() not in ("", "true", "false"):
            raise _wrong(BY_NAME[name], text, "give it without a value")
        return text.lower() == "true"

    def topic(self, name: str) -> str:
        text = self.required(name)
        if not TOPIC_NAME.fullmatch(text) or text in (".", ".."):
            raise _wrong(BY_NAME[name], text, "a topic's name is 1 to 249 letters, digits, dots, dashes, underscores")
        return text

    def project(self, name: str) -> str:
        text = self.text(name)
        if text and not PROJECT_NAME.fullmatch(text):
            raise _wrong(BY_NAME[name], text, "a project's name is lower-case letters, digits, dashes, underscores")
        return text

    def choice(self, name: str) -> str:
        text, option = self.text(name), BY_NAME[name]
        if text not in option.choices and text != option.default:
            raise _wrong(option, text, f"choose {_either(option.choices)}")
        return text

    def seconds(self, name: str, least: float) -> float:
        option, text = BY_NAME[name], self.text(name)
        try:
            value = parse_duration(text)
        except ValueError as error:
            raise _wrong(option, text, str(error)) from None
        if not least <= value <= LONGEST_S:
            raise _wrong(option, text, f"it must be from {least:g}s to {LONGEST_S / 3600:g}h{_why(name)}")
        return value

    def optional_seconds(self, name: str, least: float) -> float | None:
        return self.seconds(name, least) if self.text(name) else None

    def number(self, name: str, above: float, most: float) -> float:
        option, text = BY_NAME[name], self.text(name)
        try:
            value = float(text)
        except ValueError:
            raise _wrong(option, text, f"it must be a number, for example {option.default}") from None
        if not above < value <= most:
            raise _wrong(option, text, f"it must be above {above:g} and at most {most:g} {option.unit}")
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        option, text = BY_NAME[name], self.text(name)
        if not text.isascii() or not text.isdigit() or len(text) > 12 or not least <= int(text) <= most:
            raise _wrong(option, text, f"it must be a whole number from {least} to {most}")
        return int(text)


def _either(choices: tuple[str, ...]) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def _why(name: str) -> str:
    if name == "outage":
        return ": a shorter one cannot be proven, the broker might just be slow"
    return ""
