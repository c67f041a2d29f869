"""What the witnesses said survives on disk as it was, or is refused."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from contract.ids import IDS
from contract.run_key import RunKey
from reconcile.history.history import EVENT, ROW, EventsWitness, RowsWitness
from reconcile.history.saved_witnesses import load_witnesses, save_witnesses
from runlog.folder import RunFolder

KEY = RunKey.parse("0123456789ab4def")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "20261123-073000-4f2a"
    path.mkdir()
    return RunFolder(path)


def witnesses(size: int = 5) -> tuple[RowsWitness, EventsWitness]:
    draw = np.random.default_rng(size)
    rows = np.frombuffer(draw.bytes(size * ROW.itemsize), dtype=ROW)
    ids = np.frombuffer(draw.bytes(2 * IDS.itemsize), dtype=IDS)
    events = np.frombuffer(draw.bytes(size * EVENT.itemsize), dtype=EVENT)
    return (
        RowsWitness(rows, ids, ids[:0], 1795419000.123456, complete=True),
        EventsWitness(
            events, 3, 4, {0: 1, 10: 2}, {0: 0, 10: 0}, {0: 9, 10: 7}, {0: 9, 10: 8}, "id", 1.5, False, "not read, why"
        ),
    )


def assert_same(one: RowsWitness | EventsWitness, other: RowsWitness | EventsWitness) -> None:
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            assert left.tobytes() == right.tobytes()
        else:
            assert left == right, field.name


def index_of(folder: RunFolder) -> Path:
    return folder.witnesses / "witness.json"


def test_nothing_saved(folder: RunFolder) -> None:
    assert load_witnesses(folder, KEY) is None


def test_what_is_saved_is_loaded(folder: RunFolder) -> None:
    rows, events = witnesses()
    save_witnesses(folder, KEY, rows, events)
    loaded = load_witnesses(folder, KEY)
    assert loaded is not None
    assert_same(loaded[0], rows)
    assert_same(loaded[1], events)


def test_an_incomplete_pair_without_anything_in_it(folder: RunFolder) -> None:
    rows = RowsWitness(np.empty(0, ROW), np.empty(0, IDS), np.empty(0, IDS), None, False, "away")
    events = EventsWitness(np.empty(0, EVENT), 0, 0, {}, {}, {}, {}, None, None, False, "away")
    save_witnesses(folder, KEY, rows, events)
    loaded = load_witnesses(folder, KEY)
    assert loaded is not None
    assert_same(loaded[0], rows)
    assert_same(loaded[1], events)


def test_saving_the_same_again_gives_the_same_bytes_and_saving_others_leaves_nothing_behind(folder: RunFolder) -> None:
    save_witnesses(folder, KEY, *witnesses())
    before = {path.name: path.read_bytes() for path in folder.witnesses.iterdir()}
    save_witnesses(folder, KEY, *witnesses())
    assert {path.name: path.read_bytes() for path in folder.witnesses.iterdir()} == before
    save_witnesses(folder, KEY, *witnesses(9))
    assert len(list(folder.witnesses.iterdir())) == len(before)
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.witnesses.iterdir())


def test_a_save_that_fails_leaves_the_old_witnesses(folder: RunFolder) -> None:
    rows, events = witnesses()
    save_witnesses(folder, KEY, rows, events)
    with pytest.raises(ValueError, match="events has the type"):
        save_witnesses(folder, KEY, witnesses(9)[0], replace(events, events=np.zeros(3, dtype=IDS)))
    loaded = load_witnesses(folder, KEY)
    assert loaded is not None
    assert_same(loaded[0], rows)


@pytest.mark.parametrize("name", ["rows", "pending", "elsewhere", "events"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_array_is_refused(folder: RunFolder, name: str, damage: str) -> None:
    save_witnesses(folder, KEY, *witnesses())
    path = next(folder.witnesses.glob(f"{name}-*.npy"))
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[-1] ^= 1
        path.write_bytes(raw)
    elif damage == "cut":
        path.write_bytes(raw[:-1])
    else:
        path.unlink()
    with pytest.raises(
        ValueError, match=r"the saved witnesses of run \S+ are damaged \(.*\); delete its folder"
    ) as info:
        load_witnesses(folder, KEY)
    assert path.name in str(info.value)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": "4"}', '{"format": 4, "rows": {}}', "\x00"])
def test_a_damaged_index_is_refused(folder: RunFolder, text: str) -> None:
    save_witnesses(folder, KEY, *witnesses())
    index_of(folder).write_text(text)
    with pytest.raises(ValueError, match="are damaged"):
        load_witnesses(folder, KEY)


def test_an_array_of_another_type_is_refused_although_its_digest_is_right(folder: RunFolder) -> None:
    save_witnesses(folder, KEY, *witnesses())
    index = json.loads(index_of(folder).read_text())
    index["rows"]["arrays"]["rows"], index["events"]["arrays"]["events"] = (
        index["events"]["arrays"]["events"],
        index["rows"]["arrays"]["rows"],
    )
    index_of(folder).write_text(json.dumps(index))
    with pytest.raises(ValueError, match="has other elements"):
        load_witnesses(folder, KEY)


def test_a_file_outside_of_the_folder_is_not_read(folder: RunFolder, tmp_path: Path) -> None:
    save_witnesses(folder, KEY, *witnesses())
    index = json.loads(index_of(folder).read_text())
    entry = index["rows"]["arrays"]["rows"]
    (tmp_path / "outside.npy").write_bytes((folder.witnesses / entry["file"]).read_bytes())
    entry["file"] = "../../outside.npy"
    index_of(folder).write_text(json.dumps(index))
    with pytest.raises(ValueError, match="are damaged"):
        load_witnesses(folder, KEY)
