"""Reads texts of a database without an encoding (SQL_ASCII): bytes that are no UTF-8 become `<F6>`, and fail nothing.

Not a backslash and an x: such a text may be within JSON.
"""

import codecs
import json
from typing import Any, Final

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format

_SHOWN: Final = "stores.shown"


def _show(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"<{byte:02X}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_SHOWN, _show)


class _Text(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", _SHOWN)


class _BinaryText(_Text):
    format = Format.BINARY


class _Json(Loader):
    def load(self, data: Any) -> Any:
        """Return the value; `jsonb` has its version before it in binary form."""
        return json.loads(bytes(data).removeprefix(b"\x01").decode("utf-8", _SHOWN))


class _BinaryJson(_Json):
    format = Format.BINARY


def take_any_bytes(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Have `connection` read texts in this way."""
    # 705 is `unknown`, 0 any type that the driver does not know.
    for name in ("text", "varchar", "bpchar", "name", 705, 0):
        connection.adapters.register_loader(name, _Text)
        connection.adapters.register_loader(name, _BinaryText)
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, _Json)
        connection.adapters.register_loader(name, _BinaryJson)
