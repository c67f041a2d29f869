"""The files of a report: each is documented, and the same to the byte for the same run."""

import re

from reconcile.judge.judge import judge
from reconcile.report import RENDERERS
from reconcile.report.csv_lists import csv_texts
from tests.e2e.harness import CHECKOUT
from tests.reconcile.core.run_builder import RunBuilder


def texts() -> dict[str, str]:
    history = RunBuilder().calm().order(1, 12, event=False).history()
    judgement = judge(history)
    rendered = {name: render(history, judgement) for name, render in RENDERERS.items()}
    return rendered | csv_texts(history, judgement)


def test_the_same_run_gives_the_same_bytes() -> None:
    assert texts() == texts()


def test_each_file_has_its_row_in_the_docs() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", (CHECKOUT / "docs" / "files.md").read_text(), re.MULTILINE)
    assert set(texts()) <= set(re.findall(r"`([^`]+)`", " ".join(rows)))
    docs = (CHECKOUT / "docs" / "reports.md").read_text()
    assert [name for name in RENDERERS if f"\n| `{name}` |" not in docs] == []
