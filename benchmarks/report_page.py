"""How large `report.html` is with 300,000 lost events, and how quickly a browser opens and searches it."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.recorded_run import write_run
from benchmarks.result import Aim, Result, Table
from benchmarks.witness_data import PARTITIONS, WitnessData, order_ids
from contract.ids import IDS
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import EVENT, ROW, EventsWitness, RowsWitness
from reconcile.history.run_record import read_record
from reconcile.judge.judge import judge
from reconcile.report.html_report import html_report
from runlog.folder import RunFolder

NAME: Final = "report-page"
LOST: Final = 300_000
QUICK_LOST: Final = 30_000
ROUNDS: Final = 5
LARGEST_MB, OPENS_S, SEARCHES_S = 20.0, 3.0, 0.3
METHOD: Final = """\
A run of twice as many orders, each second one of which has no event, judged from its folder; its `report.html` is
opened in Chromium from a file. "Opens" is the time to the event `load`; "searches" the time from a key press in the
search box, for an order id in the last third of the list, until its row is the only one. The list is unpacked by then.
Median of five, each in a new browser profile."""


def run(quick: bool) -> Result:
    lost = QUICK_LOST if quick else LOST
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        begun = time.monotonic()
        page.write_text(_report(Path(folder), 2 * lost), encoding="utf-8")
        made = time.monotonic() - begun
        size = page.stat().st_size / 1e6
        opened, searched = _measure(page, 2 * lost)
    opens, searches = statistics.median(opened), statistics.median(searched)
    found = [f"{size:.1f} MB", f"{opens:.2f} s", f"{1000 * searches:.0f} ms"]
    return Result(
        NAME,
        f"The report with {lost:,} lost events".replace(",", " "),
        METHOD,
        [Table(["size", "opens (median)", "searches (median)", "judged and written in"], [[*found, f"{made:.1f} s"]])],
        [
            Aim(f"at most {LARGEST_MB:g} MB", found[0], size <= LARGEST_MB),
            Aim(f"opens within {OPENS_S:g} s", found[1], opens <= OPENS_S),
            Aim(f"searches within {1000 * SEARCHES_S:g} ms", found[2], searches <= SEARCHES_S),
        ],
        {"lost": lost, "megabytes": size, "opens_s": opened, "searches_s": searched},
    )


def _report(parent: Path, orders: int) -> str:
    """Return the report of a run in which each second order has no event."""
    data = WitnessData(orders, "orders", "order.created")
    folder = RunFolder(write_run(parent / "20261124-000000-0000", data, "topic-1"))
    record = read_record(folder)
    ids = np.frombuffer(b"".join(order.bytes for order in order_ids(orders)), dtype=IDS)
    rows = np.zeros(orders, dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = ids["hi"], ids["lo"], np.arange(orders)
    history = record.with_witnesses(
        RowsWitness(rows, ids[:0], ids[:0], record.facts.started_at + 1e4, complete=True), _events(rows[::2], record)
    )
    judgement = judge(history)
    count = len(judgement.lost_cases)
    history = replace(history, confirmation=Confirmation("", count, count))
    return html_report(history, judge(history))


def _events(of: Any, record: Any) -> EventsWitness:
    events = np.zeros(len(of), dtype=EVENT)
    for name in ("hi", "lo", "seq"):
        events[name] = of[name]
    events["event_hi"], events["event_lo"] = of["hi"], of["lo"] + 1
    events["partition"], events["offset"] = np.arange(len(of)) % PARTITIONS, np.arange(len(of)) // PARTITIONS
    starts = dict.fromkeys(range(PARTITIONS), 0)
    ends = {at: int((events["partition"] == at).sum()) for at in range(PARTITIONS)}
    return EventsWitness(
        events, 0, 0, starts, starts, ends, ends, "topic-1", record.facts.started_at + 1e4, complete=True,
        compacted=False, write_caching=False, skipped=0,
    )  # fmt: skip


def _measure(page: Path, orders: int) -> tuple[list[float], list[float]]:
    """Return how long opening and searching took, in seconds, by round."""
    from playwright.sync_api import sync_playwright

    wanted = str(list(order_ids(orders))[orders * 5 // 6 | 1])
    opened, searched = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(ROUNDS):
            context = browser.new_context()
            tab = context.new_page()
            begun = time.monotonic()
            tab.goto(page.as_uri(), wait_until="load")
            opened.append(time.monotonic() - begun)
            box = tab.locator("input[type=search]").first
            box.fill("no such order")
            tab.locator("[role=status]", has_text="0 of").first.wait_for()
            searched.append(tab.evaluate(_SEARCH, wanted) / 1000)
            context.close()
        browser.close()
    return opened, searched


_SEARCH: Final = """wanted => new Promise(done => {
  const box = document.querySelector('input[type=search]'), body = document.querySelector('[data-list] tbody');
  const begun = performance.now();
  const found = () => requestAnimationFrame(() => done(performance.now() - begun));
  new MutationObserver(found).observe(body, {childList: true});
  box.value = wanted;
  box.dispatchEvent(new Event('input'));
})"""
"""Types into the first search box; returns the milliseconds until the found row is there to be painted."""
