"""Saves both witnesses in the run's folder, so that judging again touches no store and gives the same bytes.

Arrays are `.npy` files without pickle, named after their content; `witness.json` names them with length and SHA-256 and
holds everything else. It is written last, in one step, so that a reader finds the old witnesses or the new ones,
complete. Texts of order ids, where there are any, are JSON files beside the arrays.
"""

import hashlib
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS
from contract.run_key import RunKey
from files.safe_files import OtherFormat, check_format, open_regular, read_regular, write_json, write_text
from reconcile.history.history import EVENT, MENTION, ROW, EventsWitness, RowsWitness
from runlog.folder import WITNESS_INDEX, RunFolder

FORMAT: Final = 4
_ROWS: Final = {"rows": ROW, "pending": IDS, "elsewhere": IDS}
_EVENTS: Final = {"events": EVENT, "mentions": MENTION, "aside": MENTION}
_BY_NUMBER: Final = ("starts", "lows", "reached", "ends", "rejected")


class _Array(msgspec.Struct):
    file: str
    length: int
    sha256: str


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    taken_at: float | None
    complete: bool
    problem: str | None
    snapshot: str | None
    arrays: dict[str, _Array]
    names: _Array | None = None


class _Events(msgspec.Struct, forbid_unknown_fields=True):
    foreign: int
    unreadable: int
    starts: dict[int, int]
    lows: dict[int, int]
    reached: dict[int, int]
    ends: dict[int, int]
    topic_id: str | None
    read_at: float | None
    complete: bool
    problem: str | None
    arrays: dict[str, _Array]
    compacted: bool | None
    write_caching: bool | None
    settings_problem: str | None
    skipped: int | None
    opaque: int
    rejected: dict[int, int]
    named_at: dict[str, int]
    names: _Array | None = None


class _Index(msgspec.Struct):
    run_key: str
    rows: _Rows
    events: _Events


class _Head(msgspec.Struct):
    format: int


def save_witnesses(folder: RunFolder, run_key: RunKey, rows: RowsWitness, events: EventsWitness) -> None:
    """Save both witnesses of the run with this key in place of those saved before.

    Raises:
        OSError: the disk is full or not writable; those saved before are still there.
    """
    folder.witnesses.mkdir(mode=0o700, exist_ok=True)
    parts = {"rows": _save(folder.witnesses, rows, _ROWS), "events": _save(folder.witnesses, events, _EVENTS)}
    write_json(folder.witness_index, {"format": FORMAT, "run_key": str(run_key), **parts})
    named = {entry["file"] for part in parts.values() for entry in part["arrays"].values()}
    named |= {part["names"]["file"] for part in parts.values() if "names" in part}
    for path in (*folder.witnesses.glob("*.npy"), *folder.witnesses.glob("names-*.json")):
        if path.name not in named:
            path.unlink()


def load_witnesses(folder: RunFolder, run_key: RunKey) -> tuple[RowsWitness, EventsWitness] | None:
    """Return the saved witnesses, complete or not; None if none were saved.

    Args:
        run_key: of the run, by `run.json`.

    Raises:
        ValueError: a file is missing, damaged, of another format or of another run; one sentence with the remedy.
    """
    path = folder.witness_index
    if not path.is_file():
        return None
    try:
        index = _read_index(path)
        if index.run_key != str(run_key):
            raise ValueError(f"{WITNESS_INDEX} is of the run with the key {index.run_key}, not of {run_key}")
        rows = RowsWitness(**_load(folder.witnesses, index.rows, _ROWS))
        events = EventsWitness(**_load(folder.witnesses, index.events, _EVENTS))
    except OtherFormat as other:
        raise OtherFormat(f"{WITNESS_INDEX} of run {folder.run_id} {other}") from None
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise ValueError(
            f"the saved witnesses of run {folder.run_id} are damaged ({_brief(error)}); "
            f"delete its folder {folder.witnesses.name}/ and reconcile again while both stores are there"
        ) from None
    return rows, events


def _read_index(path: Path) -> _Index:
    raw = read_regular(path)
    check_format(msgspec.json.decode(raw, type=_Head).format, FORMAT)
    return msgspec.json.decode(raw, type=_Index)


def _save(folder: Path, witness: RowsWitness | EventsWitness, arrays: dict[str, np.dtype[np.void]]) -> dict[str, Any]:
    part: dict[str, Any] = {
        field.name: getattr(witness, field.name)
        for field in fields(witness)
        if field.name not in arrays and field.name != "names"
    }
    if witness.names:
        part["names"] = _save_names(folder, witness.names)
    for name in _BY_NUMBER:
        if name in part:
            part[name] = {str(number): value for number, value in sorted(part[name].items())}
    part["arrays"] = {name: _save_array(folder, name, getattr(witness, name), arrays[name]) for name in arrays}
    return part


def _save_array(folder: Path, name: str, array: NDArray[np.void], dtype: np.dtype[np.void]) -> dict[str, Any]:
    if array.dtype != dtype or array.ndim != 1:
        raise ValueError(f"{name} has the type {array.dtype}, not {dtype}")
    partial = folder / f".{name}-{os.getpid()}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        np.save(stream, array, allow_pickle=False)
    digest = _digest(partial)
    path = folder / f"{name}-{digest[:12]}.npy"
    partial.replace(path)
    return {"file": path.name, "length": len(array), "sha256": digest}


def _save_names(folder: Path, names: dict[bytes, str]) -> dict[str, Any]:
    raw = msgspec.json.encode({identity.hex(): text for identity, text in sorted(names.items())})
    digest = hashlib.sha256(raw).hexdigest()
    path = folder / f"names-{digest[:12]}.json"
    write_text(path, raw.decode())
    return {"file": path.name, "length": len(names), "sha256": digest}


def _load_names(folder: Path, entry: _Array | None) -> dict[bytes, str]:
    if entry is None:
        return {}
    raw = read_regular(folder / Path(entry.file).name)
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise ValueError(f"{entry.file} is not what {WITNESS_INDEX} says")
    return {bytes.fromhex(digits): text for digits, text in msgspec.json.decode(raw, type=dict[str, str]).items()}


def _load(folder: Path, part: _Rows | _Events, arrays: dict[str, np.dtype[np.void]]) -> dict[str, Any]:
    saved = {name: getattr(part, name) for name in part.__struct_fields__ if name != "arrays"}
    saved["names"] = _load_names(folder, part.names)
    return {**saved, **{name: _load_array(folder, part.arrays[name], dtype) for name, dtype in arrays.items()}}


def _load_array(folder: Path, entry: _Array, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    path = folder / Path(entry.file).name
    if _digest(path) != entry.sha256:
        raise ValueError(f"{path.name} is not what {WITNESS_INDEX} says")
    with open_regular(path) as stream:
        array: NDArray[np.void] = np.load(stream, allow_pickle=False)
    if array.dtype != dtype or array.shape != (entry.length,):
        raise ValueError(f"{path.name} has other elements than expected")
    return array


def _digest(path: Path) -> str:
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _brief(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{Path(str(error.filename)).name}: {(error.strerror or 'unreadable').lower()}"
    if isinstance(error, ValueError) and error.args:
        return str(error).splitlines()[0]
    return f"{WITNESS_INDEX} lacks what it should hold"
