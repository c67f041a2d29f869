"""The lists of a judged run, searched: the CSV files of its folder, the last of them kept in memory."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from files.safe_files import read_regular
from runlog.folder import RunFolder

_KEPT: Final = 2
_COLUMNS: Final = ("order_id", "customer_id", "sent_at", "phase", "cause", "http_status")


@dataclass(frozen=True, slots=True)
class Found:
    """Orders of one list.

    Attributes:
        total: orders in the list.
        matching: how many of them were found.
        rows: the first of these, each with the columns of the list that are shown.
    """

    total: int
    matching: int
    rows: list[dict[str, str]]


class Orders:
    """The lists of the runs that were asked for last."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, float], tuple[list[dict[str, str]], list[str]]] = {}

    def search(self, folder: RunFolder, name: str, wanted: str, most: int) -> Found:
        """Return the orders of a list that hold `wanted` anywhere.

        Args:
            name: of the list's file.
            most: how many rows are returned.

        Raises:
            OSError: there is no such list.
        """
        rows, texts = self._list(folder.path / name)
        needle = wanted.strip().lower()
        places = [at for at, text in enumerate(texts) if needle in text] if needle else range(len(rows))
        return Found(len(rows), len(places), [rows[at] for at in places[:most]])

    def _list(self, path: Path) -> tuple[list[dict[str, str]], list[str]]:
        key = path, path.stat().st_mtime
        if key not in self._kept:
            reader = csv.DictReader(io.StringIO(read_regular(path).decode("utf-8"), newline=""), restval="")
            rows = [{name: row[name] for name in _COLUMNS if name in row} for row in reader]
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = rows, [" ".join(row.values()).lower() for row in rows]
        return self._kept[key]
