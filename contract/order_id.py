"""Order ids of any kind as the 16 bytes that ledger, witnesses and joins hold, and back to what people read.

`uuid`: the bytes of the UUID; any spelling of one is the same id. `integer`: the number as 128 bits with its sign, so
that `7` and `"7"` are the same. `text` may be anything. Four forms, which differ in their bytes alone:

- a UUID as RFC 9562 lays it out: its bytes (whatever its spelling);
- a ULID: its bytes, two bits moved so that no UUID looks like it (whatever its case);
- at most 15 printable ASCII characters, `ORD-000123` for example: packed, the byte FE before them;
- anything else: a digest. It cannot be decoded, so the reader of the text keeps it as the *name* of the 16 bytes.

A text that cannot be decoded from its bytes as it was written (a digest, a UUID in upper case) has a name: see
`name_of`, and `runlog.order_id_texts` for where they are kept.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Final

_LONGEST_PACKED: Final = 15
_PACKED: Final = 0xFE
_DIGEST: Final = 0xFF
# The two upper bits of byte 8: RFC 9562 has 10 there, ASCII has 0x.
_UPPER: Final = 0xC0
_RFC: Final = 0x80
_LEAST_UUID: Final = 32
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE | re.ASCII)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {sign: value for value, sign in enumerate(_CROCKFORD)}
# Stricter than uuid.UUID, which also takes underscores, blanks and digits of other scripts.
_SPELLING: Final = re.compile(r"\{?[0-9a-fA-F-]+\}?")


class IdKind(Enum):
    """What kind of ids a service has; the value is the word for people and for `run.json`."""

    UUID = "uuid"
    INTEGER = "integer"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class AcknowledgedId:
    """The order id of an answer: the text that people and databases know it by, and the 16 bytes of the ledger.

    Attributes:
        text: as the service wrote it; a UUID in lower case with dashes, a whole number as such.
        key: the 16 bytes of it in ledger and witnesses.
    """

    text: str
    key: bytes

    def __str__(self) -> str:
        return self.text


def acknowledged_id(kind: IdKind, value: object) -> AcknowledgedId | None:
    """Return the order id that `value` (a JSON value, or the text of a header) is; None when it is none of `kind`."""
    key = encode_order_id(kind, value)
    if key is None:
        return None
    text = scalar_text(value) if kind is IdKind.TEXT else decode_order_id(kind, key)
    return AcknowledgedId(text or "", key)


def encode_order_id(kind: IdKind, value: object) -> bytes | None:
    """Return the 16 bytes that stand for an id.

    Args:
        value: the id as a service returned it: a text, its bytes in UTF-8, a `uuid.UUID`, a whole number (also one that
            JSON holds as 7.0). Blanks around it make it another one.

    Returns:
        None when it is no id of that kind: nothing, an empty text, a truth value, another type, bytes that are no text.
    """
    text = scalar_text(value)
    return encode_text(kind, text) if text else None


def encode_text(kind: IdKind, text: str) -> bytes | None:
    """Return the 16 bytes that stand for the id with this text, None when it is no id of that kind."""
    if kind is IdKind.UUID:
        return parse_uuid(text)
    if kind is IdKind.INTEGER:
        return integer_id(int(text)) if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63 else None
    return _text_id(text)


def decode_order_id(kind: IdKind, identity: bytes) -> str | None:
    """Return the id that 16 bytes stand for, in its usual spelling; None when it cannot be decoded (a digest)."""
    if kind is IdKind.UUID:
        return str(uuid.UUID(bytes=identity))
    if kind is IdKind.INTEGER:
        return str(int.from_bytes(identity, signed=True))
    if identity[8] & _UPPER == _RFC:
        return str(uuid.UUID(bytes=identity))
    if identity[0] == _DIGEST:
        return None
    if identity[8] & _UPPER == _UPPER:
        return _ulid_text(identity)
    return identity[1:].rstrip(b"\0").decode("ascii", "replace")


def text_of(kind: IdKind, identity: bytes, names: Mapping[bytes, str] | None = None) -> str:
    """Return the id as people read it: as the service writes it where that is known.

    A digest without a known name is shown as `digest:` and its hexadecimal digits, never as if it were an id.
    """
    named = names.get(identity) if names else None
    return named or decode_order_id(kind, identity) or f"digest:{identity.hex()}"


def name_of(kind: IdKind, identity: bytes, text: str) -> str | None:
    """Return `text` where its bytes do not decode to it as it was written, else None; only text ids have names."""
    return text if kind is IdKind.TEXT and decode_order_id(kind, identity) != text else None


def scalar_text(value: object) -> str | None:
    """Return a scalar of a record or an answer as text; None for what cannot be an id, a tag or a type."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    return str(value) if isinstance(value, int | uuid.UUID) else None


def kind_of_type(name: str) -> IdKind | None:
    """Return the kind of ids that a column of PostgreSQL's type `name` has, None for one that cannot be compared."""
    if name == "uuid":
        return IdKind.UUID
    if name in {"bigint", "integer", "smallint"}:
        return IdKind.INTEGER
    # An extension's type comes with its schema where that is not in the search path.
    texts = {"text", "character varying", "character", "citext"}
    return IdKind.TEXT if name.rpartition(".")[2] in texts else None


def parse_uuid(text: str) -> bytes | None:
    """Return the 16 bytes of a UUID text (any case, with or without dashes and braces), None when it is none."""
    if not _SPELLING.fullmatch(text):
        return None
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


def integer_id(number: int) -> bytes:
    """Return the 16 bytes that stand for a whole number of 64 bits with a sign."""
    return number.to_bytes(16, signed=True)


def is_ulid(text: str) -> bool:
    return _ULID.fullmatch(text) is not None


def spellings(text: str) -> list[str]:
    """Return the usual spellings of a text id that are all one id when compared: what a table may have of it."""
    identity = parse_uuid(text) if len(text) >= _LEAST_UUID else None
    if identity is not None:
        dashed = str(uuid.UUID(bytes=identity))
        plain = dashed.replace("-", "")
        cased = [word for one in (dashed, plain, f"{{{dashed}}}") for word in (one, one.upper())]
    else:
        cased = [text.upper(), text.lower()] if is_ulid(text) else []
    return list(dict.fromkeys([text, *cased]))


def _text_id(text: str) -> bytes:
    if len(text) >= _LEAST_UUID and (identity := parse_uuid(text)) is not None:
        # Others than those of RFC 9562 (32 digits of an MD5 for example) are one id in any spelling as well.
        return identity if identity[8] & _UPPER == _RFC else _digest("uuid:" + identity.hex())
    if is_ulid(text):
        return _ulid_id(text)
    if len(text) <= _LONGEST_PACKED and text.isascii() and text.isprintable():
        return bytes([_PACKED]) + text.encode().ljust(_LONGEST_PACKED, b"\0")
    return _digest("text:" + text)


def _ulid_id(text: str) -> bytes:
    number = 0
    for sign in text.upper():
        number = number << 5 | _VALUES[sign]
    raw = bytearray(number.to_bytes(16))
    if raw[0] >= _DIGEST & ~_UPPER:  # the year 4199 and later
        return _digest("ulid:" + text.upper())
    raw[0] |= raw[8] & _UPPER
    raw[8] |= _UPPER
    return bytes(raw)


def _ulid_text(identity: bytes) -> str:
    raw = bytearray(identity)
    raw[8] = raw[8] & ~_UPPER & 0xFF | raw[0] & _UPPER
    raw[0] &= ~_UPPER & 0xFF
    number = int.from_bytes(raw)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _digest(text: str) -> bytes:
    raw = bytearray(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    raw[0] = _DIGEST
    raw[8] |= _UPPER
    return bytes(raw)
