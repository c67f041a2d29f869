"""The report files: lists, document, Markdown, summary, timeline."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from chaos.faults.stop import STOP
from contract.ids import IDS, uuid_texts
from reconcile.history.history import ROW, History
from reconcile.judge.judge import Judgement, judge
from reconcile.report.csv_lists import COLUMNS, csv_texts, time_texts
from reconcile.report.json_report import json_report, report_document, to_plain
from reconcile.report.markdown_report import escape, markdown_report
from reconcile.report.summary import print_summary, summary
from reconcile.report.timeline import draw_timeline
from runlog import marks as m
from runlog.clock import iso_utc
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import KEY, T0, RunBuilder, facts, order_id
from tests.reconcile.core.test_phantom_guards import provoked

KEYS = [
    "schema_version",
    "run_id",
    "verdict",
    "reason",
    "expect",
    "exit_code",
    "attribution",
    "counts",
    "cells",
    "outages",
    "behaviour",
    "guards",
    "rate",
    "timeline",
]
COUNTS = [
    "due",
    "not_sent",
    "unreported",
    "attempted",
    "acknowledged",
    "rejected",
    "ambiguous",
    "provoked",
    "rows",
    "events",
    "events_raw",
    "delivered",
    "lost_events",
    "phantom_events",
    "lost_orders",
    "visible_after_reject",
    "recovered",
    "late_events",
    "unresolved",
    "pending",
    "redelivered",
    "published_twice",
    "extra_orders",
    "unrecorded",
    "foreign_events",
    "unreadable_events",
    "suspected_lost",
]
LISTS = [
    "lost-events",
    "phantom-events",
    "duplicate-events",
    "late-events",
    "lost-orders",
    "visible-after-reject",
    "recovered-orders",
    "unresolved-orders",
    "suspected-lost",
    "disputed-orders",
    "disputed-phantom",
]


def rich_run() -> tuple[History, Judgement]:
    """One order of each kind."""
    builder = RunBuilder().calm()
    builder.order(3, 11, event=False).order(1, 12, event=False).order(2, 12, event=False)
    builder.order(4, 12, Outcome.AMBIGUOUS, row=False).order(5, 12, row=False, event=False)
    builder.order(6, 14, Outcome.REJECTED).order(7, 14, Outcome.AMBIGUOUS, appended=20.85)
    builder.order(8, 14, Outcome.AMBIGUOUS, row=False, event=False)
    builder.order(9, 14, appended=25).published(9, 9, 26).published(9, 9, 27, event=900)
    history = builder.history()
    return history, judge(history)


def listed(history: History, judgement: Judgement, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_texts(history, judgement)[f"{name}.csv"])))


def test_every_list_is_there_with_a_header_when_empty() -> None:
    texts = csv_texts(empty := RunBuilder().history(), judge(empty))
    for name in LISTS:
        header = texts[f"{name}.csv"]
        assert header.startswith(",".join(COLUMNS))
        assert header.count("\n") == 1


def test_lost_events_are_sorted_and_listed_in_full() -> None:
    history, judgement = rich_run()
    lost = listed(history, judgement, "lost-events")
    assert [entry["order_id"] for entry in lost] == [str(order_id(number)) for number in (3, 1, 2)]
    assert lost[1] == {
        "order_id": str(order_id(1)),
        "customer_id": str(KEY.customer_id(1)),
        "sent_at": iso_utc(T0 + 12),
        "acknowledged_at": iso_utc(T0 + 12.02),
        "phase": "outage",
        "cause": "sent_while_down",
        "moment": "while the target was down",
        "in_flight": "no",
        "latency_s": "0.020000",
        "latency_class": "as in the baseline",
        "service_log": "",
        "http_status": "201",
        "other_records": "0",
    }


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("phantom-events", [4]),
        ("lost-orders", [5]),
        ("visible-after-reject", [6]),
        ("recovered-orders", [7]),
        ("late-events", [1002, 6, 7, 9, 1003]),
        ("duplicate-events", [9, 9]),
        ("suspected-lost", []),
    ],
)
def test_the_sisters(name: str, numbers: list[int]) -> None:
    entries = listed(*rich_run(), name)
    assert [entry["order_id"] for entry in entries] == [str(order_id(number)) for number in numbers]


def test_unresolved_orders_have_no_order_id_but_their_customer() -> None:
    (entry,) = listed(*rich_run(), "unresolved-orders")
    assert (entry["order_id"], entry["customer_id"]) == ("", str(KEY.customer_id(8)))
    assert entry["acknowledged_at"] == ""


def test_duplicates_tell_kind_and_place() -> None:
    history, judgement = rich_run()
    entries = listed(history, judgement, "duplicate-events")
    assert [entry["kind"] for entry in entries] == ["redelivered", "published_twice"]
    assert entries[1]["event_id"] == str(order_id(900))
    assert int(entries[0]["offset"]) < int(entries[1]["offset"])
    assert entries[0]["partition"] == "0"


def test_unrecorded_orders_have_unknown_times() -> None:
    history = RunBuilder().stored(5, None).history()
    (entry,) = listed(history, judge(history), "lost-events")
    assert (entry["sent_at"], entry["customer_id"], entry["cause"]) == ("", "", "no_send_time")


def test_suspected_losses_stand_in_their_own_list_only() -> None:
    builder = RunBuilder().calm().order(1, 12, event=False).without(m.DRAINED)
    history = builder.history()
    judgement = judge(history)
    assert len(listed(history, judgement, "suspected-lost")) == 1
    assert listed(history, judgement, "lost-events") == []


def test_times_and_ids_as_text() -> None:
    assert time_texts(np.array([T0 + 0.25, np.nan])) == [iso_utc(T0 + 0.25), ""]
    value = order_id(7).int
    words = np.array([value >> 64], dtype=np.uint64), np.array([value & (2**64 - 1)], dtype=np.uint64)
    assert uuid_texts(*words) == [str(order_id(7))]


def test_a_hundred_thousand_lost_events_are_all_listed() -> None:
    builder = RunBuilder()
    count = 100_000
    seqs = np.arange(count, dtype=np.uint64)
    rows = np.zeros(count, dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = seqs + 7, seqs, seqs
    builder.rows_changes = {"rows": rows, "pending": np.empty(0, dtype=IDS)}
    history = builder.history()
    texts = csv_texts(history, judge(history))
    assert texts["lost-events.csv"].count("\n") == count + 1


def test_report_json_has_every_key_and_plain_values() -> None:
    document = json.loads(json_report(*rich_run()))
    assert [key for key in document if key in KEYS] == KEYS
    assert [key for key in document["counts"] if key in COUNTS] == COUNTS
    assert document["outages"][0]["down_edge"] == [T0 + 10.3, T0 + 10.4]
    assert set(document["outages"][0]["failure_window"]) >= {"first_sent_at", "last_sent_at", "lead_s", "tail_s"}
    assert {"name", "kind", "applies", "passed", "reason"} == set(document["guards"][0])
    assert next(g for g in document["guards"] if not g["applies"])["passed"] is None
    assert sum(sum(row.values()) for row in document["cells"].values()) == document["counts"]["attempted"]


def test_unknown_is_null() -> None:
    assert to_plain({"a": np.float64("nan"), "b": float("inf"), "c": np.int64(3), 4: (np.True_,)}) == {
        "a": None,
        "b": None,
        "c": 3,
        "4": [True],
    }
    history = RunBuilder().calm().without(m.INJECTED, m.HEALED).history()
    outage = report_document(history, judge(history))["outages"][0]
    assert (outage["marks"]["healed"], outage["up_edge"], outage["healed_by"]) == (None, None, None)


def test_markdown_has_all_its_sections() -> None:
    text = markdown_report(*rich_run())
    for heading in ("# Chaos Test Report — Lost Event", "## Timeline", "## Results", "## Inconsistency Detected?"):
        assert f"{heading}\n" in text
    assert "| Baseline order in DB | YES | YES |" in text
    assert "| Chaos order in DB | DEPENDS | SOME (8 of 11 sent while the broker was down) |" in text
    assert "| Chaos event in Kafka | YES | SOME (5 of 8 of those in the DB) |" in text
    assert "| DB order count | N | 12 |" in text
    assert "**YES** — 3 orders were acknowledged and stored" in text
    assert "transactional outbox" in text.split("## Fix")[1]
    assert f"- `{order_id(1)}`" in text
    assert "`lost-events.csv`" in text


@pytest.mark.parametrize(
    ("builder", "word", "cause"),
    [
        (
            RunBuilder(facts=facts(service_variant="outbox")).calm(),
            "**NO**",
            "to its outbox table in the transaction of the order",
        ),
        (RunBuilder().calm(), "**NO**", "(a dual write). That guarantees nothing."),
        (RunBuilder().calm().without(m.DRAINED), "**UNKNOWN**", "Unknown: nothing is proven"),
    ],
)
def test_markdown_of_other_verdicts(builder: RunBuilder, word: str, cause: str) -> None:
    text = markdown_report(history := builder.history(), judge(history))
    assert word in text
    assert cause in text


def test_markdown_of_a_run_in_which_nothing_is_broken() -> None:
    text = markdown_report((builder := provoked()).history(), judge(builder.history()))
    assert "| DB order count | 0 | 0 |" in text
    assert "| Kafka event count | N | 3 |" in text
    assert "Chaos order" not in text and "Chaos event" not in text
    assert "healthy again" not in text
    assert ": load goes on\n" in text
    assert "database and service asked for the orders that were rolled back" in text
    assert f"## Phantom events\n\nAll 3:\n\n- `{order_id(0)}`" in text
    assert "`phantom-events.csv` in the folder of this report" in text


def test_what_comes_from_outside_is_escaped() -> None:
    assert escape("a|b\n<script>`x`[y](z)") == r"a\|b \<script\>\`x\`\[y\](z)"
    builder = RunBuilder().calm()
    builder.marks.append(Mark(T0 + 34, m.FAILED, None, {"reason": "| <b>bad</b> \x1b[31m", "exit_code": 2}))
    history = builder.history()
    judgement = judge(history)
    assert "<b>" not in markdown_report(history, judgement)
    assert "\x1b" not in summary(history, judgement, Path("runs/x")).plain


def printed(width: int, history: History, judgement: Judgement, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_summary(Console(file=stream, width=width), history, judgement, Path("runs/x"))
    stream.flush()
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_summary_fits_the_terminal_and_breaks_no_id(width: int) -> None:
    text = printed(width, *rich_run())
    assert max(len(line) for line in text.splitlines()) <= max(width, 80)
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
