"""`picture.json`: the picture of the run as values, from which pages draw it again, also beside that of another run."""

import msgspec

from files.safe_files import read_regular
from look.chart import Chart
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.run_chart import run_chart
from runlog.folder import RunFolder

NAME = "picture.json"


def picture_file(history: History, judgement: Judgement) -> str:
    """Return the text of `picture.json`; `null` when no order fell due."""
    return msgspec.json.encode(run_chart(history, judgement)).decode() + "\n"


def read_picture(folder: RunFolder) -> Chart | None:
    """Return the picture of a judged run; None where there is none.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        return msgspec.json.decode(read_regular(folder.path / NAME), type=Chart | None)
    except FileNotFoundError:
        return None
