"""Kafka as started by hand: with its own defaults for sessions and elections, and without a class archive."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stack import process
from stack.kafka import Broker
from stack.kafka_jars import CACHE
from stack.state_store import StateStore

# Settings of the embedded stack for quick restarts; without them Kafka's defaults hold.
TUNED: Final = (
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "controlled.shutdown.enable",
    "group.initial.rebalance.delay.ms",
)


class PlainBroker(Broker):
    """The same jars on the same Java, untuned."""

    def __init__(self, store: StateStore) -> None:
        super().__init__(store, CACHE, jvm_options=())

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """Remove the tuned lines from the configuration; see `Broker.launch`."""
        launch = super().launch(port, extra)
        configuration = Path(launch.argv[-1])
        kept = [line for line in configuration.read_text("utf-8").splitlines() if not line.startswith(TUNED)]
        configuration.write_text("\n".join(kept) + "\n", encoding="utf-8")
        return launch
