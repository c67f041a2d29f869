"""Order ids as a user's own service spells them: saved, preferred, escaped; and facts that name their places."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.ids import IDS
from contract.order_id import IdKind, encode_order_id
from contract.place import EventFilter, Place, parse_filter, parse_place, parse_tag
from reconcile.history.history import ROW, EventsWitness, History, RowsWitness
from reconcile.history.id_texts import texts_of
from reconcile.history.saved_witnesses import load_witnesses, save_witnesses
from reconcile.judge.judge import judge
from reconcile.report.csv_lists import csv_texts
from reconcile.report.html_report import html_report
from reconcile.report.json_report import json_report
from reconcile.report.markdown_report import code, markdown_report
from runlog.facts import RunFacts
from runlog.folder import RunFolder
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts, order_id

LONG = "invoice/2026/11/25/000123"


def test_names_are_saved_only_where_there_are_any(tmp_path: Path) -> None:
    history = RunBuilder().calm().history()
    for number, (names, opaque) in enumerate([({}, 0), ({b"x" * 16: LONG}, 3)]):
        folder = RunFolder(tmp_path / f"run-{number}")
        folder.path.mkdir()
        rows, events = replace(history.rows, names=names), replace(history.events, names=names, opaque=opaque)
        save_witnesses(folder, KEY, rows, events)
        loaded = load_witnesses(folder, KEY)
        assert loaded is not None
        assert (loaded[0].names, loaded[1].names, loaded[1].opaque) == (names, names, opaque)
        text = (folder.witnesses / "witness.json").read_text()
        assert ("names" in text) == bool(names)
    # A name that was changed afterwards is noticed, and names that nothing needs any more are gone.
    (path,) = folder.witnesses.glob("names-*.json")
    path.write_text(path.read_text().replace("123", "124"))
    with pytest.raises(ValueError, match="damaged"):
        load_witnesses(folder, KEY)
    save_witnesses(folder, KEY, history.rows, history.events)
    assert list(folder.witnesses.glob("names-*.json")) == []


def history_of(rows: dict[bytes, str], events: dict[bytes, str], answers: dict[bytes, str], *stored: str) -> History:
    ids = np.frombuffer(b"".join(encode_order_id(IdKind.TEXT, one) or b"" for one in stored), dtype=IDS)
    array = np.zeros(len(ids), dtype=ROW)
    array["hi"], array["lo"] = ids["hi"], ids["lo"]
    base = RunBuilder(facts=facts(id_kind="text", stack="external")).history()
    witness: RowsWitness = replace(base.rows, rows=array, names=rows)
    log: EventsWitness = replace(base.events, names=events)
    return replace(base, rows=witness, events=log, names=answers)


def test_ids_are_spelt_as_in_the_table_else_as_in_the_events_else_as_in_the_answers() -> None:
    upper, lower = str(order_id(1)).upper(), str(order_id(1))
    identity = order_id(1).bytes
    hi, lo = int.from_bytes(identity[:8]), int.from_bytes(identity[8:])
    named = {identity: upper}
    assert texts_of(history_of(named, {}, {}, upper)).one(hi, lo) == upper
    assert texts_of(history_of({}, named, {}, lower)).one(hi, lo) == lower
    assert texts_of(history_of({}, named, {})).one(hi, lo) == upper
    assert texts_of(history_of({}, {}, named)).one(hi, lo) == upper
    assert texts_of(history_of({}, {}, {}, lower)).one(hi, lo) == lower


HOSTILE = ["<script>alert(1)</script>", '=1+"1"', "`a``b", "x\ny", "a,b;c", "\x1b[31mred", "|pipe|"]


def test_hostile_ids_are_escaped_wherever_they_are_shown(tmp_path: Path) -> None:
    builder = RunBuilder(facts=facts(id_kind="text", stack="external", event_tag="value:c"))
    for number in range(len(HOSTILE)):
        builder.order(number, number + 1.0, event=False)
    history = builder.calm().history()
    names = {order_id(number).bytes: text for number, text in enumerate(HOSTILE)}
    history = replace(history, rows=replace(history.rows, names=names))
    judgement = judge(history)
    page, text = html_report(history, judgement), markdown_report(history, judgement)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in text
    assert "- `<script>alert(1)</script>`" in text
    assert "- ``` `a``b ```" in text
    assert csv_texts(history, judgement)["lost-events.csv"].splitlines()[2].startswith('"=1+""1""",')
    json.loads(json_report(history, judgement))


@pytest.mark.parametrize(
    ("text", "shown"), [("a", "`a`"), ("`", "`` ` ``"), ("a```b", "```` a```b ````"), ("a\nb", "`a b`")]
)
def test_code_spans(text: str, shown: str) -> None:
    assert code(text) == shown


def test_places() -> None:
    assert [parse_place(""), parse_tag(""), parse_tag("none"), parse_filter("")] == [None] * 4
    assert parse_place("key") == parse_tag("key") == Place("key")
    assert str(parse_place("value:order.id")) == "value:order.id"
    assert parse_filter("header:type=a=b") == EventFilter(Place("header", "type"), "a=b")
    assert parse_filter("type=") == parse_filter("value:type=") == EventFilter(Place("value", "type"), "")
    for parse in (parse_place, parse_tag):
        for wrong in ("keys", "value:", "header:", "value", "value:a..b", "body:x"):
            with pytest.raises(ValueError, match=r"^give "):
                parse(wrong)
    for wrong in ("type", "=x", "header:=x", "value:a.=x"):
        with pytest.raises(ValueError, match=r"^give "):
            parse_filter(wrong)


@pytest.mark.parametrize(
    ("path", "wrong", "words"),
    [
        (("event", "id_kind"), "number", "id_kind"),
        (("event", "id_place"), {"part": "values", "name": "x"}, "values:x is no place"),
        (("event", "filter"), "x", "filter"),
        (("event", "tag_place"), None, "tagged"),
        (("table", "tag_column"), None, "tagged"),
    ],
)
def test_facts_that_cannot_have_been_written(tmp_path: Path, path: tuple[str, str], wrong: object, words: str) -> None:
    folder = RunFolder(tmp_path)
    facts(event_id="value:order.id", id_kind="text").write(folder)
    assert RunFacts.read(folder) == facts(event_id="value:order.id", id_kind="text")
    written = json.loads(folder.facts.read_text())
    written["contract"][path[0]][path[1]] = wrong
    folder.facts.write_text(json.dumps(written))
    with pytest.raises(ValueError, match=words):
        RunFacts.read(folder)
