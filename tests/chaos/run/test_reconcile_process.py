"""The exit code of a judged run is that of the reconciler and of its report, or 2."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.run.reconcile_process import ReconcileProcess
from files.safe_files import read_json
from runlog import exit_codes
from runlog.folder import RunFolder
from runlog.marks import MarksWriter
from tests.reconcile.core.test_damaged_files import RUN, record

pytestmark = pytest.mark.process

SUT: Any = SimpleNamespace(
    stack="external", database_url="postgresql://127.0.0.1:1/none", kafka={"bootstrap.servers": "127.0.0.1:1"}
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return record(tmp_path / RUN)


def test_the_code_of_the_report_is_returned_and_the_summary_kept(folder: RunFolder) -> None:
    judging = ReconcileProcess()
    assert judging.judge(folder, SUT) == read_json(folder.report)["exit_code"] == exit_codes.AS_EXPECTED
    assert judging.summary.endswith("exit code 0\n")


def test_a_report_of_an_earlier_judging_counts_for_nothing(folder: RunFolder) -> None:
    judging = ReconcileProcess()
    judging.judge(folder, SUT)
    writer = MarksWriter(folder.marks)  # the reconciler refuses a run that is still going
    assert judging.judge(folder, SUT) == exit_codes.USAGE_OR_CRASH
    assert "could not be judged" in judging.summary
    writer.close()
