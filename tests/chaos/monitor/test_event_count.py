"""The monitor's count of new events of the run: by the contract, not by a text somewhere in a record."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from confluent_kafka import Message

from chaos.monitor.monitor import count_events
from contract.event import EventContract
from contract.place import EventFilter, Place
from contract.run_key import CHECK_KEY, RunKey

RUN = RunKey(0x0123456789AB4DEF)
TAG = str(RUN.customer_id(7))
ORDER = str(uuid.UUID(int=1 << 100 | 0x4000_8000_0000_0000_0000))
CONTRACT = EventContract()


@dataclass
class Record:
    """What of a Kafka message is looked at."""

    content: bytes | None
    name: bytes | None = None
    labels: tuple[tuple[str, bytes], ...] = ()

    def value(self) -> bytes | None:
        return self.content

    def key(self) -> bytes | None:
        return self.name

    def headers(self) -> Any:
        return self.labels


def event(**members: object) -> Record:
    return Record(json.dumps({"orderId": ORDER, "customerId": TAG, **members}).encode())


def count(contract: EventContract | None, run_key: str, *records: Record) -> int:
    return count_events(contract, run_key)(cast("list[Message]", list(records)))


@pytest.mark.parametrize(
    ("record", "counted"),
    [
        (event(), 1),
        (event(customerId=TAG.upper()), 1),
        (event(customerId=str(CHECK_KEY.customer_id(7))), 0),
        (event(customerId=None, note=TAG), 0),
        (event(type="order.cancelled"), 0),
        (event(orderId=None), 0),
        (Record(b"garbage " + TAG.encode(), ORDER.encode()), 0),
        (Record(None, TAG.encode()), 0),
    ],
)
def test_an_event_of_the_run_is_known_by_its_tag(record: Record, counted: int) -> None:
    assert count(CONTRACT, str(RUN), record, event(customerId=str(uuid.uuid4()))) == counted


def test_tag_and_filter_in_headers() -> None:
    contract = replace(
        CONTRACT, id_place=Place("key"), tag_place=Place("header", "tag"),
        filter=EventFilter(Place("header", "kind"), "new"),
    )  # fmt: skip
    tag, kind = ("tag", TAG.encode()), ("kind", b"new")
    assert count(contract, str(RUN), Record(b"\x00avro", ORDER.encode(), (tag, kind))) == 1
    assert count(contract, str(RUN), Record(b"\x00avro", ORDER.encode(), (tag,))) == 0


def test_without_a_tag_every_event_is_one_or_none_can_be_known() -> None:
    records = (event(customerId=None), event(), Record(b"garbage"), Record(None))
    assert count(replace(CONTRACT, tag_place=None), "", *records) == 2
    assert count(None, "", *records) == 0
    assert count(CONTRACT, str(RUN)) == 0
