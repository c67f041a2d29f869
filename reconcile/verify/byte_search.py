"""Searches the bytes of a record for order ids and tags, one record at a time and without numpy, for the second path.

It shares no code with `reconcile.witnesses.id_spellings` and `reconcile.witnesses.record_scalars`, and finds by the
same closed list: UUIDs as text, as bytes in both layouts and in base64 of these; text ids of 16 characters or more
anywhere; integers and shorter texts as a complete key, header value or JSON scalar. A hit is a doubt, never a proof.
"""

import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

LONG: Final = 16
_DASHED: Final = re.compile(rb"(?=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))")
_PLAIN: Final = re.compile(rb"(?=([0-9a-f]{32}))")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{22,}")
_UUID_TEXT: Final = re.compile(rb"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_ESCAPE: Final = re.compile(rb"\\+(?:u00([0-9a-fA-F]{2})|(/))")
_HEX: Final = re.compile("[0-9a-f]{32}")
_WHOLE: Final = re.compile("-?[0-9]{1,19}")
_HEAD: Final = 8
_NESTED: Final = 4


class ByteSearch:
    """Finds orders by their ids and tags.

    Args:
        uuids: order by UUID, as 32 hexadecimal digits: ids of orders and their tags.
        texts: order by the text of its id, where ids are no UUIDs.
    """

    def __init__(self, uuids: Mapping[str, str], texts: Mapping[str, str]) -> None:
        self._by_hex = {digits.encode(): order for digits, order in uuids.items()}
        self._by_bytes: dict[bytes, str] = {}
        for digits, order in uuids.items():
            raw = bytes.fromhex(digits)
            self._by_bytes[raw] = order
            self._by_bytes[raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]] = order
        # ASCII text needs no search for bytes unless the bytes of an id are ASCII.
        self._in_ascii = any(map(bytes.isascii, self._by_bytes))
        self._scalars = dict(texts)
        self._long: dict[bytes, list[tuple[bytes, str]]] = {}
        for text, order in texts.items():
            if len(text) >= LONG:
                raw = text.encode("utf-8", "surrogatepass")
                self._long.setdefault(raw[:_HEAD], []).append((raw, order))

    def orders_in(self, key: bytes | None, headers: list[tuple[str, bytes | None]], value: bytes | None) -> set[str]:
        """Return the orders that a record names."""
        found: set[str] = set()
        whole = [key, *(raw for _, raw in headers)]
        for raw in (*whole, value):
            if raw:
                found.update(self._within(raw))
        if self._scalars:
            for raw in whole:
                found.update(self._named(_texts_of(raw)))
            found.update(self._named(_texts_of(value)))
        return found

    def _within(self, raw: bytes) -> Iterator[str]:
        yield from self._plainly(raw)
        unescaped = _ESCAPE.sub(_unescape, raw)
        if unescaped != raw:
            yield from self._plainly(unescaped)
        for run in _BASE64.findall(unescaped):
            if _UUID_TEXT.fullmatch(run):
                continue
            standard = run.replace(b"-", b"+").replace(b"_", b"/")
            for skip in range(4):
                part = standard[skip:]
                yield from self._plainly(binascii.a2b_base64(part + b"A" * (-len(part) % 4)))

    def _plainly(self, raw: bytes) -> Iterator[str]:
        lower = raw.lower()
        for found in _DASHED.findall(lower):
            if (order := self._by_hex.get(found.replace(b"-", b""))) is not None:
                yield order
        for found in _PLAIN.findall(lower):
            if (order := self._by_hex.get(found)) is not None:
                yield order
        for at in range(len(raw) - 15) if self._in_ascii or not raw.isascii() else ():
            if (order := self._by_bytes.get(raw[at : at + 16])) is not None:
                yield order
        if self._long:
            for at in range(len(raw) - LONG + 1):
                for text, order in self._long.get(raw[at : at + _HEAD], ()):
                    if raw.startswith(text, at):
                        yield order

    def _named(self, texts: Iterator[str]) -> Iterator[str]:
        for text in texts:
            if (order := self._scalars.get(text)) is not None:
                yield order


def _texts_of(raw: bytes | None) -> Iterator[str]:
    """Yield the scalars of a key, a header or a value as text."""
    if raw is None:
        return
    if len(raw) in {4, 8}:
        yield str(int.from_bytes(raw, "big", signed=True))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    yield _usual(text)
    try:
        yield from _scalars(json.loads(text), _NESTED)
    except (ValueError, RecursionError):
        return


def _scalars(found: Any, nested: int) -> Iterator[str]:
    if isinstance(found, dict):
        for below in found.values():
            yield from _scalars(below, nested)
    elif isinstance(found, list):
        for below in found:
            yield from _scalars(below, nested)
    elif isinstance(found, str):
        yield _usual(found)
        if found[:1] in ("{", "[", '"') and nested:
            try:
                yield from _scalars(json.loads(found), nested - 1)
            except (ValueError, RecursionError):
                return
    elif isinstance(found, float) and found.is_integer():
        yield str(int(found))
    elif isinstance(found, int) and not isinstance(found, bool):
        yield str(found)


def _usual(text: str) -> str:
    """Return a whole number without leading zeros, anything else as it is."""
    return str(int(text)) if _WHOLE.fullmatch(text) and text.isascii() else text


def hex_of(text: str) -> str | None:
    """Return a UUID text as 32 hexadecimal digits, None when it is none."""
    digits = text.removeprefix("{").removesuffix("}").replace("-", "").lower()
    return digits if _HEX.fullmatch(digits) and text.isascii() else None


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else b"/"
