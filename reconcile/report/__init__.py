"""What a person or a program gets to read of a judged run: `report.json`, `report.md`, the lists, the summary."""

import json

from files.safe_files import write_text
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import csv_texts
from reconcile.report.html_report import html_report
from reconcile.report.json_report import report_document
from reconcile.report.junit_report import junit_report
from reconcile.report.lost_rows_list import proven_rows
from reconcile.report.markdown_report import markdown_report
from reconcile.report.step_summary import step_summary
from reconcile.report.summary import print_summary, summary
from runlog.folder import RunFolder

__all__ = ["json_text", "print_summary", "step_summary", "summary", "write_reports"]


def write_reports(folder: RunFolder, history: History, judgement: Judgement) -> None:
    """Write every report file; `report.json` last, so that a reader who sees it finds the others.

    Raises:
        OSError: the disk is full or not writable.
    """
    for name, text in csv_texts(history, judgement).items():
        write_text(folder.path / name, text)
    write_text(folder.path / "lost-events.ndjson", _lost_rows(history, judgement))
    write_text(folder.path / "report.md", markdown_report(history, judgement))
    write_text(folder.path / "report.html", html_report(history, judgement))
    write_text(folder.path / "junit.xml", junit_report(history, judgement))
    write_text(folder.report, json_text(history, judgement))


def _lost_rows(history: History, judgement: Judgement) -> str:
    return "".join(line.decode() + "\n" for line in proven_rows(history, judgement) or ())


def json_text(history: History, judgement: Judgement) -> str:
    """Return the text of `report.json`."""
    return json.dumps(report_document(history, judgement), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
