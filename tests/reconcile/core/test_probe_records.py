"""Probe results of a run's folder, in words, and in every report."""

from pathlib import Path

import pytest

from chaos.faults.stop import STOP
from health.replies import Connection, How
from reconcile.analysis.probe_summary import probe_series, seen_words
from reconcile.history.run_record import RecordProblem, read_record
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from reconcile.report.json_report import json_report
from reconcile.report.markdown_report import markdown_report
from reconcile.report.summary import summary
from runlog.folder import RunFolder
from runlog.probe_results import probe_record
from tests.reconcile.core.probed import probed
from tests.reconcile.core.run_builder import T0, RunBuilder, facts


def test_questions_belong_to_the_time_in_which_they_were_asked_and_settled() -> None:
    one = probe_series(probed().history())[1]
    assert [seen.asked for seen in one.within(T0 + 1.05, T0 + 1.254)] == pytest.approx([T0 + 1.05, T0 + 1.25], abs=1e-5)
    assert len(one.within(T0 + 1.051, T0 + 1.2539)) == 0


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"kept": "hanging", "new": "refused"}, "refused on a new connection, hanging on an old one"),
        ({"new": "broken"}, "broken on a new connection"),
        ({}, ""),
        (None, ""),
    ],
)
def test_how_it_was_seen_in_one_line(seen: dict[Connection, How] | None, words: str) -> None:
    assert seen_words(STOP.facts, seen, None) == words


def test_how_strongly_it_was_seen_to_be_degraded_in_one_line() -> None:
    late = facts(fault="latency").fault
    measured: dict[Connection, float] = {"kept": 0.302, "new": 0.905}
    assert (
        seen_words(late, {}, measured)
        == "905 ms later than usual on a new connection, 302 ms later than usual on an old one"
    )
    reset = facts(fault="reset").fault
    assert seen_words(reset, {}, {"new": 0.5}) == "50 % of probes reset on a new connection"
    assert seen_words(reset, {}, {"kept": 1.0, "new": 1.0}) == (
        "all probes reset on a new connection, all probes reset on an old one"
    )
    assert seen_words(late, {}, None) == ""


def test_every_report_says_how_down_was_seen() -> None:
    history = probed(target="database").history()
    judgement = judge(history)
    words = "refused on a new connection, broken on an old one"
    assert f"database proven down: {words}" in markdown_report(history, judgement)
    assert "sent while the database was proven down" in markdown_report(history, judgement)
    assert words in html_report(history, judgement)
    counts = (
        "0 of 104 probes answered on the kept connection (refused 104), 0 of 52 probes answered on a new connection"
    )
    assert f"database: {counts} (refused 52)" in html_report(history, judgement)
    assert '"new": "refused"' in json_report(history, judgement)


def test_where_down_was_not_seen_no_report_says_how() -> None:
    history = RunBuilder().calm().history()
    judgement = judge(history)
    assert '"seen": null' in json_report(history, judgement)
    assert "First observed" not in html_report(history, judgement)
    assert "broker proven down\n" in markdown_report(history, judgement)
    assert "down:" not in summary(history, judgement, Path("runs/x")).plain


def test_probe_results_are_read_from_the_folder_of_a_run(tmp_path: Path) -> None:
    builder, folder = probed(RunBuilder().calm(0), target="service"), RunFolder(tmp_path / "run")
    builder.write(folder)
    written = [probe_record(seen) for seen in builder.history().probe_results]
    with folder.probes.open("a") as stream:
        stream.write('{"asked": 1')
    assert [probe_record(seen) for seen in read_record(folder).probe_results] == written
    folder.probes.write_text("")
    assert read_record(folder).probe_results == []
    folder.probes.unlink()
    with pytest.raises(RecordProblem, match=r"run run has no probes\.jsonl"):
        read_record(folder)


@pytest.mark.parametrize(
    "line",
    [
        '{"asked": 1795000000.0, "answered": 1795000001.0, "connection": "kept", "how": "answered"}',  # another run's
        '{"asked": 1795000000.0, "answered": 1795000001.0, "connection": "odd", "how": "answered"}',
        '{"asked": 1795000000.0, "answered": 1795000001.0, "connection": "new", "how": "odd"}',
    ],
)
def test_damaged_probe_results_are_one_sentence(tmp_path: Path, line: str) -> None:
    builder, folder = probed(RunBuilder().calm(0)), RunFolder(tmp_path / "run")
    builder.write(folder)
    folder.probes.write_text(line.replace("1795000000", str(int(T0 - 9e6))) + "\n")
    with pytest.raises(RecordProblem, match=r"probes\.jsonl of run run is damaged"):
        read_record(folder)
