"""The request of preflight to `python -m reconcile check`, and its answers: one JSON document a line.

Preflight placed an order; the answer says whether a run that consists of it could be judged.
"""

from dataclasses import dataclass, field
from typing import Self

import msgspec

from contract.contract import Contract
from runlog.facts import TopicStart


class _Message:
    __slots__ = ()

    def dump(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def load(cls, line: bytes) -> Self:
        """Return what `dump` wrote.

        Raises:
            ValueError: the line is something else.
        """
        return msgspec.json.decode(line, type=cls)


@dataclass(frozen=True, slots=True)
class CheckRequest(_Message):
    """One order, and where a run reads its row and event.

    Attributes:
        database_url: of PostgreSQL; secret.
        kafka: librdkafka properties; may hold secrets.
        topic: its end before the order.
        stack, attribution: values of the options with these names.
        order_id: as the answer returned it.
        sequence: sequence number of the order's tag, whose run key is that of check orders.
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


@dataclass(frozen=True, slots=True)
class CheckAnswer(_Message):
    """Progress or result of the check.

    Attributes:
        doing: the present step, while the check goes on.
        done: the check is over.
        problem: why a run could not be judged, in one sentence; None if it could.
    """

    doing: str = ""
    done: bool = False
    problem: str | None = None
