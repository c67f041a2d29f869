"""The facts of a run when it starts, in `run.json`: enough to judge it later without any other source."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import msgspec

from contract.contract import Contract
from contract.publish_horizon import Publisher
from contract.run_key import RunKey
from files.safe_files import check_format, read_regular, write_json
from runlog.clock import AnchoredClock
from runlog.fault_facts import FaultFacts
from runlog.folder import RunFolder
from runlog.outcomes import Outcome

FORMAT: Final = 3
WORDS: Final = {
    "scenario": ("lost-event", "phantom-event", "control"),
    "expect": ("consistent", "lost-events", "phantom-events", "any"),
    "attribution": ("tagged", "exclusive", "acknowledged-only"),
}
# Epoch seconds of the year 5138: larger numbers are no times.
_LATEST: Final = 1e11


@dataclass(frozen=True, slots=True)
class TopicStart:
    """The topic at the start of the run.

    Attributes:
        topic_id: the broker's id of it; None if it reports none.
        starts: next offset by partition: events of this run are at or after it.
    """

    name: str
    topic_id: str | None
    starts: dict[int, int]


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """The canary order, placed and proven end to end before anything was touched.

    Attributes:
        order_id: the id that the service returned.
    """

    order_id: str
    http_status: int
    row: bool
    event: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of one run; see the field names. `options` and `command` hold `***` for secrets.

    `database_time` is the text of the time column in the row of the check order: rows of a run that is attributed
    as `exclusive` have a later one. `workers` counts the processes that sent the load. `delivery_timeout_s` is None
    where it is unknown, `block_time_s` where the service is not ours, `publish_horizon_s` where it was not given;
    `backlog_watched`: the drain asks how many events wait to go out.

    `fault`: its effect, bounds and words. `contract`: what an order, its row and its event look like.
    """

    run_id: str
    run_key: RunKey
    started_at: float
    clock: AnchoredClock
    options: dict[str, str]
    command: list[str]
    versions: dict[str, str]
    scenario: str
    stack: str
    rate: float
    baseline_s: float
    outage_s: float
    recovery_s: float
    request_timeout_s: float
    delivery_timeout_s: float | None
    settle_s: float
    fault: FaultFacts
    fault_target: str
    expect: str
    expect_source: str
    attribution: str
    topic: TopicStart
    contract: Contract = field(default_factory=Contract)
    database_time: str | None = None
    service_variant: str | None = None
    check_order: CheckOrder | None = None
    workers: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    fail_on_duplicates: bool = False
    block_time_s: float | None = None
    publish_horizon_s: float | None = None
    backlog_watched: bool = False

    @property
    def asked(self) -> Outcome:
        """The outcome that the run asks for: its orders are those that the gap counts."""
        return Outcome.PROVOKED if self.scenario == "phantom-event" else Outcome.ACKNOWLEDGED

    @property
    def publisher(self) -> Publisher:
        """The known limits of the service's publisher."""
        return Publisher(
            self.stack != "external",
            self.delivery_timeout_s,
            self.block_time_s,
            self.publish_horizon_s,
            self.backlog_watched,
        )

    @property
    def contract_is_stated(self) -> bool:
        """Whether options state the contract: then an option that is wrong must not look like a loss."""
        return self.stack == "external" or not self.contract.is_default

    @property
    def has_tag(self) -> bool:
        """Whether a row or an event carries the run-scoped customer id."""
        return self.contract.table.tag_column is not None or self.contract.event.tag_place is not None

    def write(self, folder: RunFolder) -> None:
        record: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        record["run_key"] = str(self.run_key)
        record["contract"] = msgspec.to_builtins(self.contract)
        record["topic"]["starts"] = {str(key): value for key, value in self.topic.starts.items()}
        write_json(folder.facts, record)

    @classmethod
    def read(cls, folder: RunFolder) -> "RunFacts":
        """Read `run.json`.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or was written in another format.
        """
        record = msgspec.json.decode(read_regular(folder.facts), type=dict[str, Any])
        check_format(record.get("format"), FORMAT)
        record["run_key"] = {"upper": RunKey.parse(str(record.get("run_key"))).upper}
        facts = msgspec.convert(record, cls, str_keys=True)
        facts._check()
        return facts

    def _check(self) -> None:
        """Refuse values of the right type that no run writes.

        Raises:
            ValueError: names one of them.
        """
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}, not one of {', '.join(words)}")
        if self.attribution == "tagged" and None in (self.contract.table.tag_column, self.contract.event.tag_place):
            raise ValueError("`attribution` is 'tagged', but rows or events carry no customer id")
        for name in [each.name for each in fields(self) if each.type in (float, float | None)]:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and 0 <= value < _LATEST):
                raise ValueError(f"`{name}` is {value:g}, which no run has")
        if any(not (0 <= partition < 2**31 and 0 <= start < 2**63) for partition, start in self.topic.starts.items()):
            raise ValueError("`topic.starts` holds what is no partition or no offset")
