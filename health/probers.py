"""Opens what asks a target, from its `ProbeSpec` alone: in any process, without gevent."""

from dataclasses import dataclass

from health.http import KeptHttp, NewHttp
from health.kept_kafka import KeptKafka
from health.new_kafka import NewKafka
from health.replies import Prober
from health.spec import ProbeSpec
from health.sql import KeptSql, NewSql


@dataclass(frozen=True, slots=True)
class Probers:
    """What asks one target.

    Attributes:
        kept: on a connection that stays open; opened by its first question.
        new: on a connection of its own for each question.
    """

    kept: Prober
    new: Prober

    def close(self) -> None:
        self.kept.close()
        self.new.close()


def open_probers(spec: ProbeSpec, topic: str | None = None) -> Probers:
    """Return what asks the target of `spec`; nothing is asked yet.

    Args:
        topic: for Kafka, a topic to ask about; None: all of them.

    Raises:
        ValueError: `spec` cannot be used; one sentence, without secrets.
    """
    if spec.protocol == "kafka":
        return Probers(KeptKafka(spec, topic), NewKafka(spec))
    if spec.protocol == "sql":
        return Probers(KeptSql(spec), NewSql(spec))
    return Probers(KeptHttp(spec), NewHttp(spec))
