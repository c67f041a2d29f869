"""Everything in a record that may be an id by itself: its key, its header values, the scalars of its JSON.

An integer or a short text is in every price and quantity, so it names an order only as one of these. JSON within a text
is read as well (a service that escapes its event inside another one), and so is a key that is JSON.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from contract.event import KafkaRecord
from contract.members import json_of, members_of
from contract.order_id import IdKind, encode_order_id, encode_text, scalar_text
from contract.place import Place

MESSAGES: Final = frozenset(
    (
        *("event", "message", "trace", "span", "parent", "traceparent", "correlation", "causation", "request", "ce"),
        *("producer", "instance", "session", "process", "schema", "cluster", "node", "host", "source"),
    )
)
"""What a message says of itself and of its sender, in lower case: an id of these says nothing of what it is about."""
PARTS: Final = (
    *("customer", "user", "buyer", "account", "client", "tenant", "organization", "organisation", "company"),
    *("merchant", "seller", "vendor", "supplier", "store", "shop", "warehouse", "channel", "region", "country"),
    *("product", "item", "sku", "variant", "article", "line", "category", "brand", "coupon", "discount"),
    *("address", "cart", "basket", "device", "meta", "metadata", "header", "headers", "context"),
)
"""Ends of names, in lower case, of what many messages refer to: one with the id of a product is not about it."""
_ID_WORDS: Final = ("uuid", "guid", "uid", "ids", "id", "ref", "key", "value")
_SEPARATOR: Final = re.compile(r"[^0-9A-Za-z]+")
_NESTED: Final = 3
_LONGEST: Final = 1024
# Whole numbers of these sizes are written as big-endian bytes by the serializers of Kafka's Java client.
_NUMBER_SIZES: Final = frozenset({4, 8})


def identities(kind: IdKind, record: KafkaRecord, place: Place) -> Iterator[bytes]:
    """Yield the 16 bytes of every id of this kind that a record has by itself.

    At the place of the order's id it may have something before or after it: `SHOP/17`.
    """
    of_headers = [value for name, value in record.headers if place.part == "header" and name == place.name]
    for text in (*of_headers, *([record.key] if place.part == "key" else [])):
        yield from _parts(kind, text)
    for raw in (record.key, *(value for _, value in record.headers)):
        if raw is None or len(raw) > _LONGEST:
            continue
        yield from _encoded(kind, raw)
        if kind is IdKind.INTEGER and len(raw) in _NUMBER_SIZES:
            yield from _encoded(kind, int.from_bytes(raw, signed=True))
        for _, scalar in scalars(json_of(raw)):
            yield from _encoded(kind, scalar)
    if record.value is not None:
        found = json_of(record.value)
        if found is None and len(record.value) <= _LONGEST:
            yield from _encoded(kind, record.value)
        for path, scalar in scalars(found):
            yield from _encoded(kind, scalar)
            if path == place.name and place.part == "value":
                yield from _parts(kind, scalar)


def json_scalars(value: bytes | None) -> list[tuple[str, Any]] | None:
    """Return path and value of every scalar of a JSON value; None when it is no JSON."""
    found = json_of(value)
    return None if found is None else list(scalars(found))


def scalars(found: Any) -> Iterator[tuple[str, Any]]:
    """Yield path and value of every scalar within a decoded JSON value, but for nulls."""
    return ((path, scalar) for path, scalar in members_of(found, texts=_NESTED) if scalar is not None)


def says_of_itself(path: str, envelope: bool = False) -> bool:
    """Return whether the member at a path is an id of the message or of something that it only refers to.

    Args:
        path: names joined by dots; a number is a place in a list, which holds parts of something.
        envelope: the message is a CloudEvent, whose `id` is that of the message.
    """
    if envelope and path == "id":
        return True
    names = path.split(".")
    if any(map(str.isdigit, names)):
        return True
    stems = [stem for name in names if (stem := _stem(name))]
    return bool(stems) and (stems[-1] in MESSAGES or any(stem.endswith(PARTS) for stem in stems))


def _stem(name: str) -> str:
    """Return a name in lower case without separators, and without a word for "id" at its end."""
    plain = name.replace("_", "").replace("-", "").lower()
    return next((plain.removesuffix(word) for word in _ID_WORDS if plain.endswith(word)), plain)


def _parts(kind: IdKind, scalar: object) -> Iterator[bytes]:
    """Yield what may be an id before and after each separator of a text."""
    text = scalar_text(scalar) or ""
    if len(text) <= _LONGEST:
        for cut in _SEPARATOR.finditer(text):
            for part in (text[: cut.start()], text[cut.end() :]):
                yield from _encoded(kind, part)


def _encoded(kind: IdKind, scalar: object) -> Iterator[bytes]:
    identity = encode_order_id(kind, scalar)
    if identity is not None:
        yield identity
        if kind is IdKind.TEXT:
            # Whether case makes another order of it, only the service knows.
            text = scalar_text(scalar) or ""
            for other in {text.lower(), text.upper()} - {text}:
                yield encode_text(kind, other) or identity
