"""Typed, checked settings of one run, made from the texts of its options.

A wrong value ends in a `SettingsError` whose message is one sentence: the option, the value, and what would be right.
Pure: no clock, no files, no sockets.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from contract.contract import Contract, contract_from_texts
from contract.publish_horizon import Publisher
from settings.errors import SettingsError
from settings.external import ExternalSettings, check_external
from settings.option import Option
from settings.plan_options import SHORTEST_PART, FaultOptions, VerdictOptions
from settings.stack_options import DrainOptions, LoadOptions, OurServiceOptions, RunOptions, WitnessOptions

__all__ = ["MAIN", "OPTIONS", "Settings", "SettingsError", "in_form_order", "make_settings", "names_secret"]


class Settings(RunOptions, WitnessOptions, DrainOptions, OurServiceOptions, LoadOptions, VerdictOptions, FaultOptions):
    """Everything a run is asked to do. Durations in seconds, the rate in orders per second, ports as numbers (0: any).

    Attributes:
        external: the service of the user's own with `stack` external, else None.
    """

    def __init__(self, texts: Mapping[str, object], host: str | None) -> None:
        super().__init__(texts)
        self.external = ExternalSettings(texts, host, self.attribution) if self.stack == "external" else None

    @property
    def contract(self) -> Contract:
        """What an order, its row and its event look like."""
        if self.external is not None:
            return self.external.contract
        return contract_from_texts(outbox_table="outbox" if self.service_variant == "outbox" else None, reference=True)

    @property
    def publisher(self) -> Publisher:
        """What is known of the service's publisher."""
        if self.external is None:
            outbox = self.service_variant == "outbox"
            return Publisher(True, self.delivery_timeout, self.service_block_time, self.publish_horizon, outbox)
        watched = self.external.backlog_url is not None
        return Publisher(False, self.delivery_timeout, None, self.publish_horizon, watched)


OPTIONS: Final[tuple[Option[Any], ...]] = Settings.options() + ExternalSettings.options()
MAIN: Final = (
    "scenario", "service_variant", "fault", "fault_target", "rate", "baseline", "outage", "recovery",
)  # fmt: skip
"""The options that matter in most runs, in the order in which a form shows them."""
# A shorter beginning of a flag fits too many options to mean one of them.
_SHORTEST_FLAG: Final = 4
# A latency is proven in so many times itself and so many times its jitter (but for one chance in 100), a share of
# resets in so many seconds divided by it, and its end in a third of them. The rule is in `health.effect`.
LATENCIES: Final = 6
JITTERS: Final = 36
SECONDS_OF_SHARE: Final = 3.0


def in_form_order() -> list[Option[Any]]:
    """Return all options, those that matter most first."""
    order = {name: place for place, name in enumerate(MAIN)}
    return sorted(OPTIONS, key=lambda option: order.get(option.dest, len(order)))


def names_secret(flag: str) -> bool:
    """Whether `flag` is that of a secret option; parsers take the beginning of a flag for the whole."""
    return len(flag) >= _SHORTEST_FLAG and any(option.flag.startswith(flag) for option in OPTIONS if option.secret)


def make_settings(texts: Mapping[str, object], host: str | None = None) -> Settings:
    """Return the settings that `texts` (attribute name -> text) say; missing ones take their default.

    Args:
        texts: our options.
        host: Locust's own `--host`, which the stack `external` needs.

    Raises:
        SettingsError: one of them is wrong, or two contradict each other.
    """
    _check_sense(texts)
    settings = Settings(texts, host)
    if settings.external is not None:
        check_external(settings.external, settings.scenario, settings.fault_target, settings.attribution)
    if settings.max_outage <= settings.longest_outage:
        raise SettingsError(
            f"--max-outage {settings.max_outage:g}s is not longer than the longest outage of the plan, "
            f"{settings.longest_outage:g}s; give a longer --max-outage"
        )
    if settings.fault_jitter > settings.fault_latency / 2:
        raise SettingsError(
            f"--fault-jitter {settings.fault_jitter:g}s: it is more than half of --fault-latency "
            f"{settings.fault_latency:g}s, so some answers could come as early as usual; give at most "
            f"{settings.fault_latency / 2:g}s"
        )
    _check_proof(settings)
    _check_drain(settings)
    if settings.rate * settings.baseline < 1 or settings.rate * settings.recovery < 1:
        raise SettingsError(
            f"--rate {settings.rate:g}: no order would fall due in a baseline of {settings.baseline:g}s or in a "
            f"recovery of {settings.recovery:g}s; give a higher --rate or longer phases"
        )
    ports = [port for port in (settings.service_port, settings.database_port, settings.kafka_port) if port]
    if len(set(ports)) != len(ports):
        raise SettingsError(
            f"--service-port {settings.service_port}, --database-port {settings.database_port} and --kafka-port "
            f"{settings.kafka_port} must differ; 0 chooses a free one"
        )
    return settings


def _check_sense(texts: Mapping[str, object]) -> None:
    """Refuse an option that was given for other values of `stack`, for example, than the one that is chosen."""
    by_name = {option.name: option for option in OPTIONS}
    for option in OPTIONS:
        if (text := option.text(texts)) == option.default:
            continue
        for other in (by_name[name] for name in option.only_with):
            chosen = other.parse(other.text(texts))
            if not option.makes_sense(other.name, chosen):
                raise option.wrong(text, f"it makes no sense with {other.flag} {chosen}; leave it out")


def _check_proof(settings: Settings) -> None:
    """Refuse a fault timeout in which the fault cannot be proven, or its end, and an outage without a late answer."""
    if not settings.injects_faults:
        return
    latency, jitter, share, least = settings.fault_latency, settings.fault_jitter, settings.fault_share, 0.0
    if settings.fault == "latency":
        least = LATENCIES * latency + JITTERS * jitter
        what = f"a latency of {latency:g}s" + (f" with a jitter of {jitter:g}s" if jitter else "")
        shortest = settings.shortest_outage
        if shortest < latency:
            drawn, enough = "it is", latency
            if settings.seed is not None:
                drawn, enough = f"--seed may draw an outage of {shortest:g}s, which is", latency / SHORTEST_PART
            raise SettingsError(
                f"--outage {settings.outage:g}s: {drawn} too short for one answer that is {latency:g}s late; "
                f"give at least {enough:g}s"
            )
    elif settings.fault == "reset" and share < 1:
        least, what = SECONDS_OF_SHARE / share, f"resets with --fault-share {share:g}"
    if settings.fault_timeout < least:
        raise SettingsError(
            f"--fault-timeout {settings.fault_timeout:g}s: it is too short to prove the beginning and the end of "
            f"{what}; give at least {math.ceil(least)}s"
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
