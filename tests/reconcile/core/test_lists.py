"""The lists of a report as CSV: every id, its times, and a header where there is none."""

import csv
import io

import numpy as np
import pytest

from contract.ids import IDS, uuid_texts
from reconcile.history.history import ROW, History
from reconcile.judge.judge import Judgement, judge
from reconcile.report.csv_lists import COLUMNS, csv_texts, time_texts
from runlog import marks as m
from runlog.clock import iso_utc
from tests.reconcile.core.rich_run import rich_run
from tests.reconcile.core.run_builder import KEY, T0, RunBuilder, order_id

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
