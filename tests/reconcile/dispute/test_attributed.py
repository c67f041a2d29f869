"""What attributes a record to some order, so that it may not be the event of any other one, and what does not."""

import uuid

import pytest

from contract.attribution import ACKNOWLEDGED_ONLY
from contract.event import KafkaRecord, Why
from contract.order_id import IdKind
from contract.place import Place
from tests.reconcile.dispute.test_mentions import OTHER, Scene, order, record, value

HEX = "9f" * 20
BASE64 = "H4sIAAAAAAACA6tWKkpNzsxVslJQ"


@pytest.mark.parametrize(
    ("raw", "opaque"),
    [
        # A message's own id, or its customer's, says nothing of the order.
        (record(value(eventId=OTHER)), True),
        (record(value(specversion="1.0", id=OTHER)), True),
        (record(value(user_id=OTHER)), True),
        (record(value(id=OTHER, status="created")), False),
        (record(value(payment=OTHER, at="2026-11-27T08:00:00.000000Z")), False),
        # No JSON: it may be cut off, and the id may be that of the message.
        (record(f"<payment>{OTHER}</payment>".encode()), True),
        (record(value(payment=OTHER)[:-1]), True),
        (record(value(payment=OTHER)[:-1], OTHER.encode()), True),
        # Most messages refer to products and customers, and one of an order to several.
        (record(value(productId=OTHER)), True),
        (record(value(product={"id": OTHER})), True),
        (record(value(customer={"ref_id": OTHER})), True),
        (record(value(billingAddress={"id": OTHER})), True),
        (record(value(event={"uuid": OTHER})), True),
        (record(value(payments=[{"id": OTHER}])), True),
        (record(value(event={"payment": {"id": OTHER}})), False),
        (record(value(transfer_id=OTHER, products=3)), False),
        (record(value(heartbeat=1), OTHER.encode()), False),
        # 32 digits are a digest as well.
        (record(value(payment=uuid.UUID(OTHER).hex)), True),
        (record(f"<checksum>{uuid.UUID(OTHER).hex}</checksum>".encode()), True),
        # What may hide an order is attributed by nothing beside the contract's places.
        (record(value(id=OTHER, data=HEX)), True),
        (record(value(payment=OTHER, data=BASE64)), True),
        (record(value(payment=OTHER, no="01ARZ3NDEKTSV4RRFFQ69G5FAV")), True),
        (record(value(payment=OTHER, no=str(2**127))), True),
        (record(value(payment=OTHER, no=2**127)), True),
        (record(value(payment=OTHER, no={"hi": -(2**62), "lo": 2**61})), True),
        (record(value(payment=OTHER, at_ns=1_795_000_000_000_000_000, source={"at_ns": 2**61})), False),
        (record(value(payment=OTHER, no=list(range(16)))), True),
        (record(value(payment=OTHER, sizes=list(range(15)))), False),
        (record(value(payment=OTHER, inner=f'{{"data": "{BASE64}"}}')), True),
        (record(value(payment=OTHER, image=f"https://shop.test/{BASE64}")), False),
        (record(value(payment=OTHER, name="a-name-of-many-words-of-2026")), False),
        (record(f"<payment>{OTHER}</payment><data>{BASE64}</data>".encode()), True),
        (record(b"\x1f\x8b", OTHER.encode()), True),
        (record(b"\x00\x00\x00\x00\x2a\x48" + OTHER.encode()), True),
        (record(b"\x1f\x8b", customer=OTHER.encode()), True),
        (record(value(orderId=OTHER, data=BASE64)), False),
        (record(value(customerId=OTHER, data=BASE64)), False),
    ],
)
def test_what_attributes_a_record_to_something_else(raw: KafkaRecord, opaque: bool) -> None:
    scene = Scene()
    scene.take((raw, Why.NO_ID))
    scene.named()
    assert scene.mentions.opaque == int(opaque)


def test_a_customer_says_nothing_of_the_order_where_no_tag_does() -> None:
    """One has several orders; an audit knows no tags."""
    scene = Scene(IdKind.UUID, ACKNOWLEDGED_ONLY)
    scene.take((record(value(customerId=OTHER)), Why.NO_ID))
    scene.named()
    assert scene.mentions.opaque == 1


def test_a_key_attributes_nothing_where_the_place_of_the_id_is_stated() -> None:
    scene = Scene(id_place=Place("value", "orderId"))
    scene.take((record(b"\x1f\x8b", OTHER.encode()), Why.UNREADABLE))
    scene.named()
    assert scene.mentions.opaque == 1


def test_a_number_attributes_a_record_only_to_an_order_without_an_event() -> None:
    """Each may be the event of an order that it does not name: 1001 may be a quantity."""
    scene = Scene(IdKind.INTEGER, ACKNOWLEDGED_ONLY)
    scene.take(
        (record(value(orderId=[7], quantity=1001)), Why.NO_ID),
        (record(value(orderId=[8], quantities=[1001, 1002])), Why.NO_ID),
        (record(value(orderId=[9], quantity=5)), Why.NO_ID),
        (record(value(orderId=1001, type="paid")), Why.OTHER_TYPE),
    )
    for with_event, opaque in (((), 1), ((1,), 2), ((1, 2), 3)):
        assert set(scene.named(*with_event)[0]) == {1, 2} - set(with_event)
        assert scene.mentions.opaque == opaque


@pytest.mark.parametrize("kind", [IdKind.INTEGER, IdKind.TEXT])
def test_at_the_place_of_the_id_it_may_have_something_before_or_after_it(kind: IdKind) -> None:
    for text in (f"SHOP/{order(kind, 1)}", f"{order(kind, 1)}#2", f"urn:order:{order(kind, 1)}"):
        places = ((None, value(orderId=text), None), ("key", b"{", text.encode()))
        for place, raw, key in places:
            scene = Scene(kind, ACKNOWLEDGED_ONLY, id_place=Place(place) if place else None)
            scene.take((record(raw, key), Why.NO_TAG))
            assert scene.named()[0] == {1: (0, 1)}, text
        scene = Scene(kind, ACKNOWLEDGED_ONLY)
        scene.take((record(value(note=text)), Why.NO_TAG))
        assert scene.named()[0] == {}


@pytest.mark.parametrize("number", [0, 1])
def test_a_text_id_in_another_case_may_be_the_same_order(number: int) -> None:
    text = order(IdKind.TEXT, number)
    for cased in (text.upper(), text.lower()):
        scene = Scene(IdKind.TEXT, ACKNOWLEDGED_ONLY)
        scene.take((record(value(orderId=cased)), Why.NO_TAG))
        assert scene.named()[0] == {number: (0, 1)}
