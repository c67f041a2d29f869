"""How files of a run are read and written: no hang on a pipe, no half-written file, no file of another format."""

import errno
import json
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class OtherFormat(ValueError):
    """A file has another format; the message says so, as the end of a sentence about the file."""


def check_format(found: object, known: int) -> None:
    """Refuse a file whose format is not `known`.

    Raises:
        OtherFormat: it is another one.
        ValueError: it states none.
    """
    if type(found) is not int:
        raise ValueError("it states no format")
    if found != known:
        raise OtherFormat(f"has format {found}, this version of the harness reads format {known}; use that version")


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; a pipe or a device in its place is refused at once.

    Raises:
        OSError: there is none, it cannot be read, or it is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """Return the content of a file. Raises OSError, see `open_regular`."""
    with open_regular(path) as stream:
        return stream.read()


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`. Raises OSError and ValueError."""
    return json.loads(read_regular(path))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, see `write_text`."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_text(path, _SURROGATE.sub(lambda found: f"\\{_escape(found)}", text) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the complete new one; mode 0600."""
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(encodable(text))
    partial.replace(path)


def encodable(text: str) -> str:
    r"""Return `text` with lone surrogates (bytes of a path or an argument that are not UTF-8) as `\xNN`."""
    return _SURROGATE.sub(_escape, text)


def is_encodable(text: str) -> bool:
    """Return whether `text` has no lone surrogates, so that UTF-8 can encode it."""
    return _SURROGATE.search(text) is None


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
