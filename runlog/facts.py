"""What is known of a run when it starts, in `run.json`: enough to judge it later without asking anybody again."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from runlog.clock import AnchoredClock
from runlog.folder import RunFolder, read_json, write_json
from runlog.ids import RunKey

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class TopicStart:
    """The topic at the start of the run.

    Attributes:
        name: topic name.
        topic_id: the broker's own id of it; None when the broker does not tell.
        starts: next offset by partition: events of this run lie at or after it.
    """

    name: str
    topic_id: str | None
    starts: dict[int, int]


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """The seed's baseline order, placed and proven whole before anything was touched.

    Attributes:
        order_id: the id that the service told.
        http_status: its HTTP answer.
        row: it was found in PostgreSQL.
        event: it was found in Kafka.
    """

    order_id: str
    http_status: int
    row: bool
    event: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of one run; see the field names. `options` and `command` hold `***` for secrets."""

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
    delivery_timeout_s: float
    settle_s: float
    fault: str
    fault_target: str
    expect: str
    expect_source: str
    attribution: str
    topic: TopicStart
    orders_table: str = "orders"
    outbox_table: str | None = None
    service_variant: str | None = None
    check_order: CheckOrder | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, folder: RunFolder) -> None:
        """Write `run.json`."""
        record: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        record["run_key"] = str(self.run_key)
        record["topic"]["starts"] = {str(key): value for key, value in self.topic.starts.items()}
        write_json(folder.facts, record)

    @classmethod
    def read(cls, folder: RunFolder) -> "RunFacts":
        """Read `run.json`.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it was written in another format.
        """
        record = read_json(folder.facts)
        if record.pop("format") != FORMAT:
            raise ValueError(f"{folder.facts.name} of run {folder.run_id} has another format than {FORMAT}")
        record["run_key"] = RunKey.parse(record["run_key"])
        record["clock"] = AnchoredClock(**record["clock"])
        starts = {int(key): value for key, value in record["topic"]["starts"].items()}
        record["topic"] = TopicStart(record["topic"]["name"], record["topic"]["topic_id"], starts)
        order = record.get("check_order")
        record["check_order"] = CheckOrder(**order) if order else None
        return cls(**record)
