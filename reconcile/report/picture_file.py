"""`picture.json`: cards and picture of the run as values, from which pages draw them again, also beside others."""

from dataclasses import dataclass

import msgspec

from files.safe_files import read_regular
from look.chart import Chart
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.run_chart import run_chart
from reconcile.report.sentences.cards import Card, cards
from runlog.folder import RunFolder

NAME = "picture.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a report shows first.

    Attributes:
        chart: None when no order fell due.
    """

    cards: list[Card]
    chart: Chart | None


def picture_file(history: History, judgement: Judgement) -> str:
    """Return the text of `picture.json`."""
    picture = Picture(cards(history, judgement), run_chart(history, judgement))
    return msgspec.json.encode(picture).decode() + "\n"


def read_picture(folder: RunFolder) -> Picture | None:
    """Return cards and picture of a judged run; None where there are none.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        return msgspec.json.decode(read_regular(folder.path / NAME), type=Picture)
    except FileNotFoundError:
        return None
