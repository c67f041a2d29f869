"""Whether a run was judged completely: only then do its rows and its folder hold no evidence that is still needed.

Judging again touches no store once `witnesses/` holds both witnesses and the verification of the violations, all
complete (written by `reconcile.history.saved_witnesses` and `reconcile.verify`). Only the standard library is imported,
so that old runs can be removed where no environment is set up.
"""

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from files.safe_files import read_json, read_regular
from runlog.folder import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ID_BYTES: Final = 16


def why_not_judged(folder: RunFolder) -> str | None:
    """Why the run in `folder` is not judged completely, in a few words; None when it is."""
    index = _object(folder.witness_index)
    if not index:
        return "its rows and events are not saved"
    if index.get("run_key") != _object(folder.facts).get("run_key"):
        return "the saved rows and events are of another run"
    for part, store in (("rows", "PostgreSQL"), ("events", "Kafka")):
        saved = index.get(part)
        if not isinstance(saved, dict) or saved.get("complete") is not True:
            return f"its {part} were not read completely from {store}"
    report = _object(folder.report)
    if not report:
        return "it has no report.json"
    confirmation = report.get("confirmation")
    violations = confirmation.get("eligible") if isinstance(confirmation, dict) else 0
    if violations and _object(folder.confirmation).get("complete") is not True:
        return "its violations were not verified"
    return None


def judge_command(stack: str, folder: RunFolder) -> str:
    """Return the command that judges a run; with it, the embedded stack is up while that reads its stores."""
    command = f".venv/bin/python -m reconcile {folder.path}"
    return f".venv/bin/python -m stack with {command}" if stack == "embedded" else command


def saved_row_ids(folder: RunFolder) -> "NDArray[np.uint8] | None":
    """Return the order ids of the saved rows, complete or not; None when none were saved.

    Returns:
        Array of shape (n, 16): the bytes of each id, as `uuid.UUID(bytes=...)` takes them.

    Raises:
        ValueError: they are damaged, or of another form.
    """
    import numpy as np

    index = _object(folder.witness_index)
    if not index:
        return None
    try:
        if index["run_key"] != _object(folder.facts).get("run_key"):
            raise ValueError("they are of another run")
        entry = index["rows"]["arrays"]["rows"]
        raw_file = read_regular(folder.witnesses / Path(entry["file"]).name)
        if hashlib.sha256(raw_file).hexdigest() != entry["sha256"]:
            raise ValueError("it is not what was saved")
        rows = np.load(io.BytesIO(raw_file), allow_pickle=False)
        if rows.ndim != 1 or len(rows) != entry["length"] or rows.dtype.names is None:
            raise ValueError("it has other elements than expected")
        if [(name, rows.dtype[name].str) for name in rows.dtype.names[:2]] != [("hi", ">u8"), ("lo", ">u8")]:
            raise ValueError("it does not begin with ids")
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise ValueError(f"the saved rows of run {folder.run_id} cannot be used ({why})") from None
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    ids: NDArray[np.uint8] = raw[:, :_ID_BYTES]
    return ids


def _object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty when none can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
