"""Text from outside, made safe for where it is shown: a terminal, a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    """Return `text` with a blank for each control character, so that it cannot steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def spreadsheet_cell(text: str) -> str:
    """Return `text` with a leading `'` where a spreadsheet would take it for a formula; numbers stay numbers."""
    formula = text[:1] in {"=", "+", "@", "\t", "\r"} or (text[:1] == "-" and not text[1:].isdigit())
    return f"'{text}" if formula else text


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the text of a CSV file: quoted as RFC 4180 asks, one line feed a record."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()
