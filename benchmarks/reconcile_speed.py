"""How quickly witnesses are compared, and how quickly the usual alternatives do it: two witnesses (audit), three (run).

The answer of every side is checked before its time counts.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.recorded_run import write_run
from benchmarks.result import Aim, Result, Table
from benchmarks.rivals import (
    Timed,
    run_audit,
    run_drain,
    run_measured,
    run_naive,
    run_ours_inside,
    run_shell,
    run_start,
)
from benchmarks.witness_data import WitnessData, drop_data, make_data
from stack.embedded import EmbeddedStack
from stores.topic import read_bounds

NAME: Final = "reconcile"
LARGE: Final = "reconcile-large"
ORDERS: Final = 1_000_000
LARGE_ORDERS: Final = 10_000_000
QUICK_ORDERS: Final = 100_000
ROUNDS: Final = 3
LARGE_ROUNDS: Final = 2
_READS: Final = "ours takes and checks id, key and type of each value"
NAIVE_BOUND: Final = f"{_READS}, naive one field of it"
SHELL_BOUND: Final = f"{_READS}, the shell reads keys alone"
INSIDE_BOUND: Final = f"{_READS}, and reads and compares the rows; the drain writes keys alone"
MEMORY_BOUND: Final = "the ids of both sides, 16 bytes each, and the batches and queues of the Kafka client"
RUN_BOUND: Final = "the arrays of three witnesses, 136 bytes an order, plus those of the joins"
METHOD: Final = """\
Rows on the embedded PostgreSQL and events of about 330 bytes in 3 partitions on the embedded Kafka; 0.1 % of the orders
have no event, 0.05 % of the events no row, 0.05 % come twice. Every side names what is missing; its answer is checked
before its time counts. Sides take turns, and the best round of each counts; a run is judged once. Times include process
start and imports, except "inside" (the audit as a function call), which also gives the memory. Naive: fetchall, poll
one by one, `json.loads`, sets of text. Shell: `comm -3 <(psql COPY | sort -S 1G) <(kcat | sort -S 1G -u)`, which reads
keys alone.
Drain, the lower limit: kcat writes all keys to /dev/null. Run: `python -m reconcile RUN` of a run with its
ledger (three witnesses), from reading to reports, with the second look at every violation; "run again" reads no store.
Start: a process that loads what an audit needs, and exits."""


@dataclass(slots=True)
class Measured:
    """Best seconds by side, and the memory that audit and run took."""

    orders: int
    best: dict[str, float] = field(default_factory=dict)
    resident_bytes: int = 0
    fixed_bytes: int = 0
    run_bytes: int = 0

    def keep(self, side: str, seconds: float | None) -> None:
        """Keep the best of a side."""
        if seconds is not None:
            self.best[side] = min(seconds, self.best.get(side, seconds))

    def ratio(self, above: str, below: str) -> float | None:
        """Return how many times longer `above` took than `below`."""
        return self.best[above] / self.best[below] if above in self.best and below in self.best else None


def run(quick: bool) -> Result:
    """Measure one million orders; 100,000 when `quick`."""
    measured = _on_a_stack([QUICK_ORDERS if quick else ORDERS], 1 if quick else ROUNDS)
    return _result(NAME, "Comparing one million orders", measured)


def run_large(quick: bool) -> Result:
    """Measure one and ten million orders; a tenth of it when `quick`."""
    sizes = [QUICK_ORDERS, ORDERS] if quick else [ORDERS, LARGE_ORDERS]
    return _result(LARGE, "Comparing ten million orders", _on_a_stack(sizes, LARGE_ROUNDS))


def _on_a_stack(sizes: list[int], rounds: int) -> list[Measured]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stack = EmbeddedStack(Path(folder) / "stack")
        try:
            state = stack.up(owner="benchmark", with_service=False)
            return [_measure(state.database_url, state.kafka_bootstrap, size, rounds, Path(folder)) for size in sizes]
        finally:
            stack.clean()


def _measure(url: str, bootstrap: str, orders: int, rounds: int, folder: Path) -> Measured:
    data = make_data(url, bootstrap, orders)
    measured = Measured(orders)
    where = (url, bootstrap, data.table, data.topic)
    for number in range(rounds):
        measured.keep("audit", _checked(run_audit(*where), data).seconds)
        inside = _checked(run_ours_inside(*where), data)
        measured.keep("inside", inside.reported["inside_s"])
        measured.resident_bytes = max(measured.resident_bytes, inside.reported["resident_bytes"])
        measured.fixed_bytes = inside.reported["fixed_bytes"]
        measured.keep("drain", run_drain(bootstrap, data.topic))
        measured.keep("start", run_start())
        shell = run_shell(*where)
        measured.keep("shell", None if shell is None else _checked(shell, data).seconds)
        if orders <= ORDERS:
            measured.keep("naive", _checked(run_naive(*where), data).seconds)
        if number == 0 and orders <= ORDERS:
            time_judging(url, bootstrap, data, folder, measured)
    drop_data(url, bootstrap, data)
    return measured


def _checked(timed: Timed, data: WitnessData) -> Timed:
    assert timed.lost == data.lost, f"{len(timed.lost)} lost instead of {len(data.lost)}"
    assert timed.phantom == data.phantom, f"{len(timed.phantom)} phantoms instead of {len(data.phantom)}"
    return timed


def time_judging(url: str, bootstrap: str, data: WitnessData, folder: Path, measured: Measured) -> None:
    """Time the judging of a run with its ledger, in a process of its own."""
    topic_id = read_bounds({"bootstrap.servers": bootstrap}, data.topic).topic_id
    run_folder = write_run(folder / f"run-{data.orders}", data, topic_id)
    environment = {**os.environ, "LOCUST_DATABASE_URL": url, "LOCUST_KAFKA_BOOTSTRAP": bootstrap}
    command = [sys.executable, "-m", "reconcile", str(run_folder), "--quiet"]
    first = run_measured(command, environment)
    measured.keep("run", first.seconds)
    report = json.loads((run_folder / "report.json").read_text())
    counts, failed = report["counts"], [one["reason"] for one in report["guards"] if one["passed"] is False]
    assert (counts["lost_events"], counts["phantom_events"]) == (len(data.lost), len(data.phantom)), failed
    again = run_measured(command, environment)
    measured.keep("run again", again.seconds)
    assert (first.code, again.code) == (1, 1)
    measured.run_bytes = max(first.resident_bytes, again.resident_bytes)


def _result(name: str, title: str, sizes: list[Measured]) -> Result:
    largest, first = sizes[-1], sizes[0]
    rows = [
        [f"{one.orders:,}", side, f"{seconds:.2f}", f"{seconds / one.best['audit']:.2f}"]
        for one in sizes
        for side, seconds in sorted(one.best.items(), key=lambda item: item[1])
    ]
    aims = [aim for one in sizes for aim in _against_rivals(one)]
    inside = first.ratio("inside", "drain")
    if inside is not None:
        aims.append(Aim("ours / kcat drain, inside, at most 1.5", f"{inside:.2f}", inside <= 1.5, INSIDE_BOUND))
    aims.append(_memory(first))
    if first.run_bytes:
        text = f"{first.run_bytes / 1e6:.0f} MB"
        aims.append(Aim(f"three witnesses, resident at {first.orders:,}", text, None, RUN_BOUND))
    if largest is not first:
        growth = largest.best["audit"] / first.best["audit"]
        aims.append(
            Aim(f"{largest.orders:,} / {first.orders:,} at most 11", f"{growth:.1f}", growth <= 11, "the drain itself")
        )
        slope = (largest.resident_bytes - first.resident_bytes) / (largest.orders - first.orders)
        aims.append(Aim("at most 50 bytes an order", f"{slope:.0f}", slope <= 50, "arrays grow by half"))
    table = Table(["orders", "side", "s", "times the audit"], rows)
    return Result(name, title, METHOD, [table, *map(_profile, sizes)], aims, {"sizes": [_plain(one) for one in sizes]})


def _profile(one: Measured) -> Table:
    """Return where the time goes in an audit and in judging a run."""
    best = one.best
    parts = [("start: Python, drivers, arrays", best["start"]), ("inside: both stores, comparison", best["inside"])]
    if "drain" in best:
        parts.append(("of that: kcat's own drain of the same log", best["drain"]))
    parts.append(("rest: options, JSON, end of the process", best["audit"] - best["start"] - best["inside"]))
    rows = [["audit", words, f"{seconds:.2f}", f"{seconds / best['audit']:.0%}"] for words, seconds in parts]
    if "run" in best:
        reading = best["run"] - best["run again"]
        for words, seconds in (
            ("reading both stores, and the second look", reading),
            ("ledger, judging, lists and reports", best["run again"]),
        ):
            rows.append(["run", words, f"{seconds:.2f}", f"{seconds / best['run']:.0%}"])
    return Table([f"profile, {one.orders:,} orders", "part", "s", "of it"], rows)


def _against_rivals(one: Measured) -> list[Aim]:
    aims = []
    wanted = (("naive", 6.0, NAIVE_BOUND), ("shell", 1.5 if one.orders > ORDERS else 1.0, SHELL_BOUND))
    for rival, least, bound in wanted:
        ratio = one.ratio(rival, "audit")
        if ratio is not None:
            aim = f"{rival} / ours at least {least:g}, {one.orders:,} orders"
            aims.append(Aim(aim, f"{ratio:.2f}", ratio >= least, bound))
    return aims


def _memory(one: Measured) -> Aim:
    resident = one.resident_bytes / 1e6
    text = f"{resident:.0f} MB, {one.fixed_bytes / 1e6:.0f} of them before the first order"
    return Aim(f"resident at {one.orders:,} at most 150 MB", text, resident <= 150, MEMORY_BOUND)


def _plain(one: Measured) -> dict[str, Any]:
    return {"orders": one.orders, "best_s": one.best, "resident_bytes": one.resident_bytes, "run_bytes": one.run_bytes}
