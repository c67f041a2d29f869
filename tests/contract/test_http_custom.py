"""A custom HTTP contract: its body, the place of the id in the answer, and the reason if there is none."""

from __future__ import annotations

import json
import uuid

import pytest

from contract.http import CustomContract, member
from contract.order_id import IdKind
from load.placed_orders import body_start, custom_contract
from settings.run_settings import make_settings
from settings.service_files import ServiceFiles

CUSTOMER = uuid.UUID("0123456789ab4def8123456789abcdef")
ORDER = uuid.UUID("d9428888-122b-41e1-b85c-61e8ba6dd1f7")
BODY = '{"who": "${customer_id}", "n": ${seq}, "what": "${product_id}", "q": ${quantity}, "cost": ${unit_price}}'


def order_id_in(place: str, kind: IdKind, answer: object = None, headers: dict[str, str] | None = None) -> str | None:
    body = b"" if answer is None else json.dumps(answer).encode()
    order = CustomContract(place=place, kind=kind).read(body, headers or {}).order_id
    return None if order is None else order.text


def test_the_body_is_filled_in() -> None:
    contract = CustomContract(template=BODY)
    assert json.loads(contract.body(CUSTOMER, 7)) == {
        "who": str(CUSTOMER), "n": 7, "what": "11111111-2222-4333-8444-555555555555", "q": 2, "cost": 7.25,
    }  # fmt: skip
    assert contract.body(CUSTOMER, 7) == contract.body(CUSTOMER, 7)
    assert json.loads(CustomContract().body(CUSTOMER, 0))["customerId"] == str(CUSTOMER)


@pytest.mark.parametrize(
    ("place", "kind", "answer", "order"),
    [
        ("value:data.sale.no", IdKind.INTEGER, {"data": {"sale": {"no": 7}}}, "7"),
        ("value:data.sale.no", IdKind.INTEGER, {"data": {"sale": {"no": "7"}}}, "7"),
        ("value:data.sale.no", IdKind.INTEGER, {"data": {"sale": {"no": 7.5}}}, None),
        ("value:data.sale.no", IdKind.INTEGER, {"data": {"sale": {"no": True}}}, None),
        ("value:data.sale.no", IdKind.INTEGER, {"data": {"sale": 7}}, None),
        ("value:data.sale.no", IdKind.INTEGER, {"data": [{"no": 7}]}, None),
        ("value:items.1.id", IdKind.TEXT, {"items": [{"id": "a"}, {"id": "b"}]}, "b"),
        ("value:items.2.id", IdKind.TEXT, {"items": [{"id": "a"}, {"id": "b"}]}, None),
        ("value:id", IdKind.TEXT, {"id": "ORD 1/ä"}, "ORD 1/ä"),
        ("value:id", IdKind.TEXT, {"id": ""}, None),
        ("value:id", IdKind.TEXT, {"id": None}, None),
        ("value:id", IdKind.TEXT, ["id"], None),
        ("value:id", IdKind.UUID, {"id": str(ORDER).upper()}, str(ORDER)),
        ("value:id", IdKind.UUID, {"id": 7}, None),
    ],
)
def test_the_id_in_the_value(place: str, kind: IdKind, answer: object, order: str | None) -> None:
    assert order_id_in(place, kind, answer) == order


@pytest.mark.parametrize(
    ("place", "value", "order"),
    [
        ("header:X-Order", "7", "7"),
        ("header:x-order", "7", "7"),
        ("header:X-Order", "/orders/7", None),
        ("header:X-Order/", "/orders/7", "7"),
        ("header:X-Order/", "https://shop.test/orders/7/?v=2", "7"),
        ("header:X-Order/", "7", "7"),
        ("header:X-Order/", "/orders/", None),
        ("header:X-Other", "7", None),
    ],
)
def test_the_id_in_a_header(place: str, value: str, order: str | None) -> None:
    assert order_id_in(place, IdKind.INTEGER, {"id": 1}, {"x-order": value}) == order


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "it is empty"),
        (b"<html>", "it is no JSON"),
        (b"[1]", "it is JSON, but no object"),
        (b"{}", "it has no members"),
        (b'{"id": "secret", "data": {"no": "secret"}}', "it has the members data.no, id"),
        (b'{"data": {"order": [{"no": "secret"}]}}', "it has the members data.order.0.no"),
    ],
)
def test_what_is_found_in_its_place_is_reported_by_name(answer: bytes, words: str) -> None:
    said = CustomContract(place="value:orderId").lacking(answer, {})
    assert words in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        (IdKind.UUID, b'{"id": 7}', "no UUID at --order-id value:id, but a whole number that --id-kind integer takes;"),
        (IdKind.UUID, b'{"id": "o-7"}', "no UUID at --order-id value:id, but a text that --id-kind text takes;"),
        (IdKind.INTEGER, b'{"id": "o-7"}', "no whole number at --order-id value:id, but a text that --id-kind text"),
        (IdKind.INTEGER, b'{"id": [7]}', "no whole number at --order-id value:id; it has the members id.0"),
        (IdKind.TEXT, b'{"id": ""}', "no text at --order-id value:id; it has the members id"),
    ],
)
def test_an_id_of_another_kind_is_named(kind: IdKind, answer: bytes, words: str) -> None:
    said = CustomContract(place="value:id", kind=kind).lacking(answer, {})
    assert words in said
    assert "o-7" not in said


def test_a_contract_of_the_options() -> None:
    texts = {
        "stack": "external",
        "database_url": "x",
        "kafka_bootstrap": "y",
        "scenario": "control",
        "order_path": "/buy",
    }
    external = make_settings(texts, "http://shop.test").external
    assert external is not None
    files = ServiceFiles((("accept", "*/*"), ("X-Key", "k")), BODY, "x", {})
    contract = custom_contract(external, files, phantom=False)
    assert contract.path == "/buy"
    assert contract.headers == (("Content-Type", "application/json"), ("accept", "*/*"), ("X-Key", "k"))
    phantom = custom_contract(external, files, phantom=True)
    assert (phantom.path, phantom.headers) == ("/chaos/phantom-event", contract.headers)


def test_members() -> None:
    assert member({"a": [{"b": 1}]}, "a.0.b") == 1
    assert member({"a": [{"b": 1}]}, "a.-1.b") is None
    assert member({"a": 1}, "a.b") is None
    assert member({"a": []}, "a.99999999999999999999") is None


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error":\n  "quantity is missing"}', 'its body begins: {"error": "quantity is missing"}'),
        (b"", "its body is empty"),
        (b" \r\n ", "its body is empty"),
        (b"a" * 121, "its body begins: " + "a" * 120 + "..."),
        (b"a" * 120, "its body begins: " + "a" * 120),
        (b"\x1b[31mred\x00\xff", "its body begins: ?[31mred?\ufffd"),
        (b"got Authorization: Bearer s3cret-token-1", "its body begins: got Authorization: ***"),
        (b"postgresql://app:hunter2@db/shop refused", "its body begins: postgresql://***@db/shop refused"),
        # A secret that the end would cut in two does not show its first half.
        (b"x" * 110 + b" s3cret-token-1", "its body begins: " + "x" * 110 + " ***"),
    ],
)
def test_the_start_of_a_body_is_bounded_printable_and_without_secrets(body: bytes, shown: str) -> None:
    assert body_start(body, ["Bearer s3cret-token-1"]) == shown
