"""Reads files of one JSON object a line; some lines may be incomplete (a killed writer, a full disk)."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from files.safe_files import read_regular

Record = TypeVar("Record")


def read_whole_lines(path: Path, decode: Callable[[bytes], Record]) -> list[Record]:
    """Return the decoded lines of a file in order, without incomplete ones.

    Args:
        decode: decodes one line; raises msgspec.ValidationError for other JSON, msgspec.DecodeError for no JSON.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a complete line is other JSON; names the line.
    """
    found = []
    for number, line in enumerate(read_regular(path).split(b"\n"), 1):
        try:
            found.append(decode(line))
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"line {number}: {error}") from None
        except msgspec.DecodeError:
            continue
    return found
