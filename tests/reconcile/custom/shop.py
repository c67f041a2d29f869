"""A run against a shop that looks nothing like the reference service, on a real table and a real topic.

Orders by sequence number: 0 to 5 are whole, 6 lost its event, 7 is a phantom (and a lost order), 8 was answered with
500 and is whole, 9 is whole and has two records, 10 has a row and, in place of its event, a tombstone, garbage and
another event type. Unless attribution is exclusive, rows and events of other clients are among them. Ids are as such a
shop has them: whole numbers, or texts of every form.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contract.order_id import IdKind, encode_order_id
from runlog.facts import CheckOrder, RunFacts, TopicStart
from runlog.folder import RunFolder
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Outcome
from stores.topic import read_bounds
from tests.conftest import Infra
from tests.reconcile.core.run_builder import KEY, T0, RunBuilder, facts
from tests.shop import BareShop

LOST, PHANTOM, UNSURE, TWICE, ELSE = 6, 7, 8, 9, 10
CHECK = 99
TRACE = str(uuid.uuid4())
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def id_of(kind: IdKind, number: int) -> Any:
    """The id of an order as the shop writes it in JSON."""
    if kind is IdKind.UUID:
        return str(uuid.UUID(int=(0xBBBB_0000_0000_4000 << 64) | (0b10 << 62) | number))
    if kind is IdKind.INTEGER:
        return 4700 + number
    forms = {LOST: "invoice/2026/11/25/000123", PHANTOM: ULID, ELSE: 'Bestellung "ä", 10', TWICE: f"=1+{number}"}
    return forms.get(number, f"ORD-{number:06d}")


@dataclass
class Shop(BareShop):
    """The shop; what is changed before `fill` shows in it.

    Attributes:
        kind: of its ids.
        place: where its events hold the id: an `event_id`.
        attribution: how orders are attributed; anything but `tagged`: the shop stores no customer id.
        types: of the columns of id and customer id.
        changes: facts that are to be others.
        ids: of orders that are to have another id than usual.
    """

    infra: Infra
    kind: IdKind
    place: str
    attribution: str
    types: tuple[str, str]
    schema: str = field(default_factory=lambda: f"shop_{uuid.uuid4().hex[:8]}")
    changes: dict[str, Any] = field(default_factory=dict)
    ids: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.infra.database_url, self.infra.kafka_bootstrap, self.infra.new_topic(2))
        self.tagged = self.attribution == "tagged"
        tag = f", buyer_ref {self.types[1]}" if self.tagged else ""
        self.sql(f"CREATE SCHEMA {self.schema}")
        self.sql(
            f'CREATE TABLE {self.schema}.sales ("Order No" {self.types[0]} PRIMARY KEY{tag}, '
            "booked_at timestamp NOT NULL, total numeric)"
        )

    def id_text(self, number: int) -> str:
        return str(self.id_of(number))

    def id_of(self, number: int) -> Any:
        """The id of an order as the shop writes it in JSON."""
        return self.ids.get(number, id_of(self.kind, number))

    def customer(self, number: int) -> uuid.UUID:
        return KEY.customer_id(number)

    def store(self, number: int, *, customer: uuid.UUID | None = None, second: int = 5, order: object = None) -> None:
        value = self.id_of(number) if order is None else order
        row = {'"Order No"': value, "booked_at": f"2026-11-25T10:00:{second:02d}"}
        if self.tagged:
            row["buyer_ref"] = str(customer or self.customer(number))
        self.insert(f"{self.schema}.sales", row, "true")

    def publish(
        self, number: int, *, customer: uuid.UUID | None = None, kind: str = "order.created", order: object = None,
        value: bytes | str | None = "usual", event: str | None = None,
    ) -> None:  # fmt: skip
        """Publish a record of an order in the shop's own shape; `value` other than "usual" replaces its value."""
        one: Any = self.id_of(number) if order is None else order
        tag = str(customer or self.customer(number))
        key, headers, content = self._shape(one, tag, kind, event)
        body = content if value == "usual" else value
        assert not isinstance(body, str)
        self.put(key, body, headers=headers, partition=number % 2)

    def _shape(self, one: Any, tag: str, kind: str, event: str | None) -> tuple[str, list[tuple[str, Any]], bytes]:
        if self.place == "":
            body = {"orderId": one, "customerId": tag, "type": kind, "eventId": event or str(uuid.uuid4())}
            return str(one), [], json.dumps(body).encode()
        if self.place == "key":
            return str(one), [], json.dumps({"kind": kind, "buyer": {"ref": tag}}).encode()
        if self.place.startswith("header:"):
            headers = [("order", b"an older one"), ("order", str(one).encode()), ("kind", kind.encode())]
            return "shop-1", [*headers, ("buyer", tag.encode())], b"\x00\x01avro\xff"
        return tag, [], json.dumps({"order": {"id": one, "kind": kind, "trace": TRACE}, "buyer": tag}).encode()

    def settings(self) -> dict[str, Any]:
        """The facts that describe the shop."""
        filters = {"": "", "key": "value:kind=order.created", "header:order": "header:kind=order.created"}
        tags = {"": "", "key": "value:buyer.ref", "header:order": "header:buyer"}
        return {
            "stack": "external",
            "attribution": self.attribution,
            "orders_table": f"{self.schema}.sales",
            "orders_id_column": "Order No",
            "orders_time_column": "booked_at",
            "orders_tag_column": "buyer_ref" if self.tagged else None,
            "database_time": "2026-11-25T10:00:01",
            "id_kind": self.kind.value,
            "event_id": self.place,
            "event_filter": filters.get(self.place, "value:order.kind=order.created"),
            "event_tag": tags.get(self.place, "value:buyer") if self.tagged else "none",
            "check_order": CheckOrder(self.id_text(CHECK), 201, row=True, event=True),
            "service_variant": None,
        } | self.changes

    def facts(self) -> RunFacts:
        bounds = read_bounds({"bootstrap.servers": self.infra.kafka_bootstrap}, self.topic)
        topic = TopicStart(self.topic, bounds.topic_id, dict.fromkeys(bounds.ends, 0))
        return facts(topic=topic, **self.settings())

    def fill(self) -> None:
        """Write what the orders left."""
        self.store(CHECK, customer=uuid.uuid4(), second=1)
        self.publish(CHECK, customer=uuid.uuid4())
        for number in range(ELSE + 1):
            if number != PHANTOM:
                self.store(number)
            if number not in {LOST, ELSE}:
                self.publish(number, event="event-of-it-0001")
        self.publish(TWICE, event="event-of-it-0001")
        self.publish(ELSE, value=None)
        if self.place != "header:order":
            self.publish(ELSE, value=b"{garbage")
        self.publish(ELSE, kind="order.cancelled")
        if self.attribution != "exclusive":
            for number in (200, 201):
                self.store(number, customer=uuid.uuid4())
                self.publish(number + 5, customer=uuid.uuid4())

    def builder(self) -> RunBuilder:
        builder = RunBuilder(facts=self.facts())
        for number, at in enumerate((1, 5, 12, 15, 24, 28, 13, 14, 16, 25, 26)):
            outcome = Outcome.AMBIGUOUS if number == UNSURE else Outcome.ACKNOWLEDGED
            builder.order(number, float(at), outcome)
            identity = encode_order_id(self.kind, self.id_of(number))
            if number != UNSURE:
                builder.attempts[-1] = (*builder.attempts[-1][:-1], identity)
        # The builder's monitor knows another topic; here all that was published came in the recovery.
        ends = read_bounds({"bootstrap.servers": self.infra.kafka_bootstrap}, self.topic).ends
        builder.observations = [
            replace(seen, ends=None if seen.ends is None else ends if seen.asked > T0 + 30 else dict.fromkeys(ends, 0))
            for seen in builder.monitor()
        ]
        return builder

    def write(self, runs: Path) -> RunFolder:
        """Write the run's folder."""
        folder = RunFolder(runs / "20261125-100000-0000")
        self.builder().write(folder)
        names = OrderIdTextWriter(folder.path, self.kind)
        for number in range(ELSE + 1):
            identity = encode_order_id(self.kind, self.id_of(number))
            assert identity is not None
            if number != UNSURE:
                names.note(identity, self.id_text(number))
        names.close()
        return folder

    def drop(self) -> None:
        self.sql(f"DROP SCHEMA {self.schema} CASCADE")
