"""What the harness must find, computed from the saboteur's records without code of the judge."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.saboteur.fates import FATES, HONEST, PHANTOM_FATES, PROVOKED, Answer, Fate

BY_NAME = {fate.name: fate for fate in (HONEST, PROVOKED, *FATES, *PHANTOM_FATES)}
OUTCOMES = {
    Answer.CREATED: "acknowledged",
    Answer.REFUSED: "rejected",
    Answer.FAILED: "ambiguous",
    Answer.CUT: "ambiguous",
    Answer.PROVOKED: "provoked",
}


@dataclass
class Truth:
    """Ids by list, and numbers by cell of the truth table."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    fates: set[str] = field(default_factory=set)


def read_truth(path: Path) -> Truth:
    """Read the saboteur's records; every event that it sent must have been delivered."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record for record in records if record["kind"] == "undelivered"] == []
    truth = Truth()
    lists: dict[str, list[str]] = {name: [] for name in LISTS}
    for record in records:
        fate = BY_NAME[record["fate"]]
        truth.fates.add(fate.name)
        _judge(fate, record["order"], record["twin"], truth, lists)
    truth.lists = {name: sorted(ids) for name, ids in lists.items()}
    return truth


LISTS = (
    "lost-events",
    "disputed-orders",
    "phantom-events",
    "lost-orders",
    "visible-after-reject",
    "recovered-orders",
    "duplicate-events",
    "extra-orders",
)


def _judge(fate: Fate, order: str, twin: bool, truth: Truth, lists: dict[str, list[str]]) -> None:
    outcome = "extra" if twin else OUTCOMES[fate.answer]
    row, event = fate.row, bool(fate.events)
    cell = {(True, True): "row_and_event", (True, False): "row_only", (False, True): "event_only"}.get(
        (row, event), "neither"
    )
    truth.cells[outcome, cell] += 1
    found = {
        "lost-events": row and not event and not fate.disputed,
        "disputed-orders": fate.disputed,
        "phantom-events": event and not row,
        "lost-orders": outcome == "acknowledged" and not row,
        "visible-after-reject": (outcome == "rejected" and (row or event)) or (outcome == "provoked" and row and event),
        "recovered-orders": outcome == "ambiguous" and row and event,
        "extra-orders": twin,
    }
    for name, holds in found.items():
        if holds:
            lists[name].append(order)
    seen: set[int] = set()
    for place, number in enumerate(fate.events):
        if place:
            lists["duplicate-events"].append(order)
            truth.duplicates["redelivered" if number in seen else "published_twice"] += 1
        seen.add(number)
