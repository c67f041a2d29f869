"""How a record is described: by names and kinds alone."""

import json
import uuid
from typing import Any

from contract.describe import places_of, shape
from contract.event import KafkaRecord

ORDER = str(uuid.UUID(int=7 << 100 | 0x4000_8000_0000_0000_0000))


def record(value: Any, key: str | None = None, **headers: str) -> KafkaRecord:
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return KafkaRecord(None if key is None else key.encode(), raw, [(k, v.encode()) for k, v in headers.items()])


def test_a_record_is_described_without_its_values() -> None:
    seen = record({"a": {"b": "secret", "c": [1]}, "d": None}, "secret-key", trace="secret", x="secret")
    assert shape(seen) == "a key of 10 bytes that is no UUID, a JSON value with a.b, a.c.0, d, the headers trace, x"
    assert shape(record(None, ORDER)) == "a UUID as key, no value (a tombstone), no headers"
    assert shape(record(b"secret")) == "no key, a value of 6 bytes that is no JSON object, no headers"
    assert shape(record({}, "42")) == "a whole number as key, an empty JSON object, no headers"
    many = shape(record({f"m{n:02}": n for n in range(40)}))
    assert "m15, ..." in many
    assert "m16" not in many


def test_where_an_id_stands() -> None:
    seen = record({"a": {"b": ORDER.upper()}, "c": 7, "d": ORDER}, ORDER, ref=ORDER)
    assert places_of(seen, ORDER) == ["key", "header:ref", "value:a.b", "value:d"]
    assert places_of(seen, "7") == ["value:c"]
    assert places_of(record(None), ORDER) == []
    assert places_of(record(b"\x00\x2a" + ORDER.encode()), ORDER) == ["value"]
    assert places_of(record({"id": "urn:uuid:" + ORDER}, f'"{ORDER}"'), ORDER) == [
        "key (in a longer text)", "value:id (in a longer text)",
    ]  # fmt: skip
    assert places_of(record({"orders": [{"id": 6}, {"id": ORDER}]}), ORDER) == ["value:orders.1.id"]
    assert places_of(record(b"\x00 17 of them"), "17") == []


def test_a_value_that_is_nested_without_end() -> None:
    assert "no JSON object" in shape(record(b"[" * 100_000))
