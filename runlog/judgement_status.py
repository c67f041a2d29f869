"""Whether a run was judged completely: only then do its rows and its folder hold no evidence that is still needed.

Judging again touches no store once `witnesses/` holds both witnesses as complete, and the second look at the
violations too (`reconcile.history.saved_witnesses`, `reconcile.verify`, which write what is read here). Only the
standard library is imported, so that old runs can be removed where nothing is set up.
"""

import fcntl
import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from files.safe_files import read_json, read_regular
from runlog.folder import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INDEX: Final = "witness.json"
CONFIRMATION: Final = "confirmation.json"
_ID_BYTES: Final = 16


def why_not_judged(folder: RunFolder) -> str | None:
    """Return in a few words why the run in `folder` is not judged completely; None when it is."""
    index = _object(folder.witnesses / INDEX)
    if not index:
        return "what PostgreSQL and Kafka said is not saved"
    if index.get("run_key") != _object(folder.facts).get("run_key"):
        return "the saved witnesses are of another run"
    for part, store in (("rows", "PostgreSQL"), ("events", "Kafka")):
        told = index.get(part)
        if not isinstance(told, dict) or told.get("complete") is not True:
            return f"what {store} said is not saved completely"
    report = _object(folder.report)
    if not report:
        return "it has no report.json"
    second = report.get("confirmation")
    asked = second.get("eligible") if isinstance(second, dict) else 0
    if asked and _object(folder.witnesses / CONFIRMATION).get("complete") is not True:
        return "its violations were not looked up a second time"
    return None


def saved_row_ids(folder: RunFolder) -> "NDArray[np.uint8] | None":
    """Return the order ids of the saved rows, complete or not; None when none were saved.

    Returns:
        Array of shape (n, 16): the bytes of each id, as `uuid.UUID(bytes=...)` takes them.

    Raises:
        ValueError: they are damaged, or of another form.
    """
    import numpy as np

    index = _object(folder.witnesses / INDEX)
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
            raise ValueError("it holds other elements than expected")
        if [(name, rows.dtype[name].str) for name in rows.dtype.names[:2]] != [("hi", ">u8"), ("lo", ">u8")]:
            raise ValueError("it does not begin with ids")
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise ValueError(f"the saved rows of run {folder.run_id} cannot be used ({why})") from None
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    ids: NDArray[np.uint8] = raw[:, :_ID_BYTES]
    return ids


class InUse:
    """Marks a run's folder as in use, for as long as this object is open and its process lives.

    The kernel forgets the mark when the process ends, however it ends. Several may use one folder at once.

    Args:
        folder: of the run; it must exist.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._fd = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
        # Some network file systems lock no folders: the run goes on without the mark.
        with suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def close(self) -> None:
        """Take the mark away; harmless when done twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "InUse":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_in_use(folder: RunFolder) -> bool:
    """Return whether a living process records or judges the run in `folder`."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty when there is none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
