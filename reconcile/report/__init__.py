"""What people and programs read of a judged run: its report files, the lists, the summary.

To add a report format, write its renderer and name it in `RENDERERS`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from files.safe_files import write_text
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import csv_texts
from reconcile.report.html_report import html_report
from reconcile.report.json_report import json_report
from reconcile.report.junit_report import junit_report
from reconcile.report.lost_rows_list import lost_rows_list
from reconcile.report.markdown_report import markdown_report
from reconcile.report.picture_file import NAME, picture_file
from runlog.folder import RunFolder

RENDERERS: Final[Mapping[str, Callable[[History, Judgement], str]]] = {
    "lost-events.ndjson": lost_rows_list,
    "report.md": markdown_report,
    "report.html": html_report,
    "junit.xml": junit_report,
    NAME: picture_file,
    "report.json": json_report,
}
"""What makes each report file; `report.json` last, so that a reader who sees it finds the others."""


def write_reports(folder: RunFolder, history: History, judgement: Judgement) -> None:
    """Write every list and report file.

    Raises:
        OSError: the disk is full or not writable.
    """
    for name, text in csv_texts(history, judgement).items():
        write_text(folder.path / name, text)
    for name, render in RENDERERS.items():
        write_text(folder.path / name, render(history, judgement))
