"""What an audit is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.event import EventContract


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What is compared; durations in seconds, times in epoch seconds. `database_url` and `kafka` may hold secrets.

    `vouched`: the user says that the topic is not compacted.
    """

    database_url: str
    kafka: Mapping[str, str]
    table: str
    id_column: str
    time_column: str
    topic: str
    event: EventContract
    grace_s: float
    since: float | None
    time_zone: str | None
    outbox: str | None
    vouched: bool = False
