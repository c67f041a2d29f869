"""What preflight hands to `python -m reconcile check` on standard input, and what it prints: one JSON document a line.

Preflight placed an order; the reconciler says whether a run that consisted of it could be judged.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from contract.contract import Contract
from runlog.facts import TopicStart


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """One order, and where a run would read it.

    Attributes:
        database_url: of PostgreSQL; secret.
        kafka: librdkafka properties; may hold secrets.
        topic: where it ended before the order.
        contract: of the service.
        stack: as `--stack` says it.
        attribution: as `--attribution` says it.
        order_id: as the answer returned it.
        sequence: sequence number of the order's tag, which has the run key of the harness's own orders.
        row_time: text of the time column in its row; None without such a column.
    """

    database_url: str = field(repr=False)
    kafka: dict[str, str] = field(repr=False)
    topic: TopicStart
    contract: Contract
    stack: str
    attribution: str
    order_id: str
    sequence: int
    row_time: str | None

    def dump(self) -> bytes:
        """Return the request as one line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "CheckRequest":
        """Return what `dump` wrote.

        Raises:
            ValueError: it is no request.
        """
        return msgspec.json.decode(line, type=cls)


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What the reconciler says.

    Attributes:
        doing: what it is doing, while it goes on.
        done: the check is over.
        problem: why a run could not be judged, in one sentence; None when it could.
    """

    doing: str = ""
    done: bool = False
    problem: str | None = None

    def dump(self) -> bytes:
        """Return the answer as one line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def load(cls, line: Any) -> "CheckAnswer":
        """Return what `dump` wrote.

        Raises:
            ValueError: it is no answer.
        """
        return msgspec.json.decode(line, type=cls)
