"""The summary in a terminal, and its timeline."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from chaos.faults.stop import STOP
from reconcile.history.history import History
from reconcile.judge.judge import Judgement, judge
from reconcile.report.summary import print_summary, summary
from reconcile.report.timeline import draw_timeline
from runlog import marks as m
from tests.reconcile.core.rich_run import rich_run
from tests.reconcile.core.run_builder import T0, RunBuilder, order_id


def printed(width: int, history: History, judgement: Judgement, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_summary(Console(file=stream, width=width), history, judgement, Path("runs/x"))
    stream.flush()
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_summary_fits_the_terminal_and_breaks_no_id(width: int) -> None:
    text = printed(width, *rich_run())
    prose = [line for line in text.splitlines() if not line.startswith(("  ", "list:", "report:"))]
    assert max(len(line) for line in prose) <= width
    assert re.findall(r"^  ([0-9a-f-]{36})$", text, re.MULTILINE) == [str(order_id(n)) for n in (3, 1, 2)]
    assert text.startswith("INCONSISTENT")
    assert "list:   runs/x/lost-events.csv" in text
    assert "expected: consistent (from the default), not met" in text
    assert text.endswith("exit code 1\n")
    assert "\x1b" not in text


def test_summary_of_a_clean_run_and_without_unicode() -> None:
    history = RunBuilder().calm().history()
    judgement = judge(history)
    text = printed(80, history, judgement, encoding="ascii")
    assert f"all {sum(guard.applies for guard in judgement.guards)} guards passed" in text
    assert text.isascii()
    assert "##########" in text


def test_summary_names_the_guards_that_failed() -> None:
    history = RunBuilder().calm().without(m.DRAINED, m.ENDED).history()
    text = printed(80, history, judge(history))
    assert "- drain complete (evidence): the run ended before its drain was over" in text
    assert text.startswith("INCONCLUSIVE")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((), "broker down for 10.4 s"),
        ((m.HEALED,), "broker never proven back"),
        ((m.HEALING, m.HEALED), "broker never proven back"),
        ((m.INJECTED,), "broker never proven down"),
        ((m.INJECTED, m.HEALING, m.HEALED), "broker never proven down"),
    ],
)
def test_summary_of_a_run_that_was_cut_off_at_any_mark(missing: tuple[str, ...], words: str) -> None:
    history = RunBuilder().calm().without(*missing).history()
    text = summary(history, judge(history), Path("runs/x")).plain
    assert words in text
    assert "broker down" in text


def test_the_timeline_shows_a_single_lost_event_and_the_outage() -> None:
    timeline = [{"due": 100, "acknowledged": 100, "lost": int(second == 12)} for second in range(30)]
    judgement = judge(RunBuilder().calm().history())
    found = draw_timeline(timeline, judgement.fault, judgement.outages, T0, width=80, unicode=True)
    assert found is not None
    lines = {label: line for label, line, _ in found.lines}
    assert lines["lost"] == " " * 12 + "▁" + " " * 17
    assert lines["offered"] == "█" * 30
    assert lines["broker down"] == "·" * 10 + "█" * 10 + "▒" + "·" * 9


def test_a_long_run_is_squeezed_into_the_width() -> None:
    timeline = [{"due": 1, "acknowledged": 1, "lost": 0}] * 500
    found = draw_timeline(timeline, STOP.facts, [], T0, width=80, unicode=True)
    assert found is not None
    assert found.seconds == 10
    assert len(found.lines[0][1]) == 50
    assert draw_timeline([], STOP.facts, [], T0, width=80, unicode=True) is None
