"""A run as lines of a terminal: at any width short enough, the most important first, and true of what is known."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pyte
import pytest

from chaos.live.counter import LiveCounts
from chaos.live.snapshot import Snapshot
from chaos.run.live_block import LiveBlock
from chaos.run.live_lines import live_lines
from chaos.run.log_output import ShortLines, is_terminal, quieten_locust
from chaos.run.plan import RunPhase
from chaos.run.run_progress import Check
from chaos.run.run_view import RunView
from health.state_now import StateNow

COUNTS = LiveCounts(
    sent=414, answered=394, rejected=0, ambiguous=0, unanswered=20, not_sent=0, with_event=203, without_event=191,
    waiting=None, may_be_lost=0, event_only=0, events=203,
)  # fmt: skip
OUTAGE = RunView(
    run_id="20261123-073000-4f2a",
    phase=RunPhase.OUTAGE,
    text="stop of the broker for 15 s",
    steps=(),
    seconds_left=5.0,
    seconds_planned=15.0,
    target="broker",
    broken=True,
    state=StateNow("down", "refused on a new connection", 1.0),
    asked="acknowledged",
    snapshot=Snapshot(
        at=100.0, counts=COUNTS, read_at=100.0, counted_to=100.0, backlog_at=None, backlog_problem=None, untagged=0
    ),
    read_s=0.1,
    counted_s=0.1,
    uncounted=None,
    checks=(),
    awaited="",
    failure=None,
    not_restored=False,
    exit_code=None,
)


def counted(**changes: Any) -> Snapshot:
    assert OUTAGE.snapshot is not None
    return replace(OUTAGE.snapshot, counts=replace(COUNTS, **changes))


def test_an_outage_at_80_columns() -> None:
    assert live_lines(OUTAGE, 80) == [
        "outage    ████████████████░░░░░░░░ 5 s left  broker DOWN",
        "          sent 414  acknowledged 394  in Kafka 203  not in Kafka 191",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize(
    "view",
    [
        OUTAGE,
        replace(OUTAGE, phase=RunPhase.DRAIN, seconds_left=None, awaited="waiting for " + "a long time " * 20),
        replace(OUTAGE, uncounted="the process that counts has ended " * 5),
        replace(OUTAGE, snapshot=counted(ambiguous=10**9, rejected=10**9, sent=10**12), read_s=1e6),
        replace(OUTAGE, phase=RunPhase.PREFLIGHT, checks=(Check("database", "x"),) * 30, snapshot=None, state=None),
    ],
    ids=["outage", "drain", "uncounted", "large", "preflight"],
)
def test_no_line_fills_the_terminal(view: RunView, width: int) -> None:
    lines = live_lines(view, width)
    assert 1 <= len(lines) <= 2
    assert all(len(line) < width for line in lines)


def test_what_was_read_long_ago_is_said() -> None:
    assert (
        live_lines(replace(OUTAGE, read_s=11.2), 60)[1] == "acknowledged 394  in Kafka 203 (11 s ago)  not in Kafka 191"
    )
    assert "in Kafka 203 (11 s ago)  not in Kafka 191" in live_lines(replace(OUTAGE, read_s=11.2), 80)[1]
    assert "in Kafka 203  not in Kafka 191" in live_lines(replace(OUTAGE, read_s=0.9), 80)[1]
    assert "in Kafka 203 (not read yet)" in live_lines(replace(OUTAGE, read_s=None), 120)[1]


def test_errors_and_waiting_ones_are_counted_apart() -> None:
    line = live_lines(
        replace(OUTAGE, snapshot=counted(sent=419, ambiguous=3, rejected=2, waiting=7, without_event=0)), 120
    )[1]
    assert line.split("  ")[-3:] == ["not in Kafka 0", "pending 7", "errors 5"]
    assert "pending" not in live_lines(replace(OUTAGE, snapshot=counted(waiting=0)), 120)[1]


def test_orders_that_are_rolled_back_are_called_so() -> None:
    line = live_lines(replace(OUTAGE, asked="rolled back"), 80)[1]
    assert line.strip() == "sent 414  rolled back 394  in Kafka 203"


def test_the_preflight_names_what_has_passed() -> None:
    view = replace(OUTAGE, phase=RunPhase.PREFLIGHT, seconds_left=None, snapshot=None, state=None, target=None)
    assert live_lines(replace(view, checks=(Check("database", "x"), Check("broker", "x"))), 80) == [
        "preflight ok: database, broker"
    ]
    assert live_lines(view, 80) == ["preflight "]


def test_the_drain_says_what_it_waits_for() -> None:
    view = replace(OUTAGE, phase=RunPhase.DRAIN, seconds_left=None, seconds_planned=None, awaited="waiting for X")
    assert live_lines(view, 80)[0] == "drain     waiting for X  broker DOWN"


@pytest.mark.parametrize("phase", [RunPhase.IDLE, RunPhase.RECONCILE, RunPhase.DONE])
def test_where_others_write_nothing_is_shown(phase: RunPhase) -> None:
    assert live_lines(replace(OUTAGE, phase=phase), 80) == []


def test_a_terminal_without_block_characters_gets_none() -> None:
    assert live_lines(OUTAGE, 60, unicode=False)[0] == "outage    ########.... 5 s left  broker DOWN"


class Terminal(StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        shown = pyte.Screen(80, 12)
        pyte.Stream(shown).feed(self.getvalue().replace("\n", "\r\n"))
        return [line.rstrip() for line in shown.display if line.strip()]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("test_live_lines")
    made.propagate = False
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()


def test_the_block_stays_at_the_bottom_and_log_lines_go_above(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, number = Terminal(), 0

    def lines(width: int, unicode: bool) -> list[str]:
        return [f"count {number}", "second"][: 1 + number % 2]

    logger.addHandler(logging.StreamHandler(terminal))
    block = LiveBlock(terminal, lines)
    block.start()
    for number in range(50):
        block.draw()
        if number % 10 == 0:
            logger.info("logged %d", number)
    assert terminal.screen() == [*(f"logged {at}" for at in range(0, 50, 10)), "count 49", "second"]
    block.stop()
    logger.info("after")
    assert terminal.screen() == [*(f"logged {at}" for at in range(0, 50, 10)), "after"]


def test_a_block_that_fails_is_said_once_and_the_log_goes_on(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = Terminal()

    def lines(width: int, unicode: bool) -> list[str]:
        raise ZeroDivisionError("planted")

    logger.addHandler(logging.StreamHandler(terminal))
    block = LiveBlock(terminal, lines)
    block.start()
    logger.info("one")
    block.draw()
    logger.info("two")
    block.stop()
    assert [one for one in terminal.screen() if one in {"one", "two"}] == ["one", "two"]
    said = [record.message for record in caplog.records if record.name == "chaos"]
    assert said == ["the run goes on, but is not shown here any more"]


def test_the_lines_of_a_terminal_are_short(logger: logging.Logger) -> None:
    terminal = Terminal()
    handler = logging.StreamHandler(terminal)
    handler.setFormatter(ShortLines(terminal))
    logger.addHandler(handler)
    logger.info("all is well")
    logger.warning("all is not")
    logger.info("a line that is longer than the terminal is broken between two words, and goes on %s", "below itself")
    first, second, third, rest = terminal.screen()
    assert third[8:] == "  a line that is longer than the terminal is broken between two words,"
    assert rest == " " * 10 + "and goes on below itself"
    assert first[8:] == "  all is well"
    assert second[8:] == "  warning: all is not"


def test_a_closed_stream_and_a_dumb_terminal_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert is_terminal(Terminal())
    assert not is_terminal(None)
    closed = Terminal()
    closed.close()
    assert not is_terminal(closed)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(Terminal())


@pytest.mark.parametrize(
    ("shown", "level", "silent"), [(False, "INFO", True), (True, "INFO", False), (False, "DEBUG", False)]
)
def test_locust_chatters_only_when_asked(shown: bool, level: str, silent: bool) -> None:
    names = ("locust.runners", "locust.stats_logger")
    root, before = logging.getLogger(), logging.getLogger().level
    try:
        root.setLevel(level)
        quieten_locust(shown)
        assert [logging.getLogger(name).isEnabledFor(logging.INFO) for name in names] == [not silent] * 2
        assert all(logging.getLogger(name).isEnabledFor(logging.WARNING) for name in names)
    finally:
        root.setLevel(before)
        for name in names:
            logging.getLogger(name).setLevel(logging.NOTSET)
