"""Reads files of one JSON object a line whose writer may have been killed, or whose disk may have been full."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from files.safe_files import read_regular

Record = TypeVar("Record")


def read_whole_lines(path: Path, decode: Callable[[bytes], Record]) -> list[Record]:
    """Return what the lines of a file hold, in order; a line that was cut short is left out, the others still stand.

    Args:
        path: the file.
        decode: reads one line; raises msgspec.ValidationError when it holds something else, msgspec.DecodeError when it
            is not even JSON.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a whole line holds something else; names the line.
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
