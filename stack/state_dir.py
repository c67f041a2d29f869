"""Folder of journals and leases of systems that are no stack of ours: both must outlive the harness.

`HARNESS_STATE_HOME`, else `XDG_STATE_HOME`, else `~/.local/state`; below it `locust-chaos-harness/`, private.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from files.paths import expanded, reason
from files.safe_files import encodable, is_encodable

VARIABLE: Final = "HARNESS_STATE_HOME"
NAME: Final = "locust-chaos-harness"
TARGETS: Final = "targets"


class StateDirError(Exception):
    """The folder cannot be used; the message is one sentence with the remedy."""


def state_dir() -> Path:
    """Return the folder; nothing is created."""
    given = os.environ.get(VARIABLE) or os.environ.get("XDG_STATE_HOME")
    return (expanded(given) if given else Path.home() / ".local" / "state").absolute() / NAME


def home_of(system: str) -> Path:
    """Return the folder of one system under test, known by `system` (its URL, say); nothing is created."""
    return state_dir() / f"external-{_digest(system)}"


def lease_of(identity: str) -> Path:
    """Return the lock file that one harness at a time holds for what `identity` names; nothing is created."""
    return state_dir() / "leases" / _digest(identity)


def target_home(identity: str) -> Path:
    """Return the folder of lease and journal of the target that `identity` names; nothing is created."""
    return state_dir() / TARGETS / _digest(identity)


def target_homes() -> list[Path]:
    """Return the folders of all targets that a harness of this user has used.

    Raises:
        StateDirError: they cannot be listed.
    """
    top = state_dir() / TARGETS
    try:
        with os.scandir(top) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateDirError(f"{VARIABLE}: the folder {top} cannot be listed ({reason(error)})") from None


def make_private(folder: Path) -> None:
    """Create `folder` and its parents up to the state folder, for the user alone.

    Raises:
        StateDirError: it cannot be created.
    """
    top = state_dir()
    if not is_encodable(str(folder)):
        raise StateDirError(f"{VARIABLE} {encodable(str(top.parent))}: it is not valid UTF-8; name another folder")
    try:
        top.parent.mkdir(parents=True, exist_ok=True)
        for each in [top, *sorted(path for path in [folder, *folder.parents] if top in path.parents)]:
            each.mkdir(mode=0o700, exist_ok=True)
            each.chmod(0o700)
    except OSError as error:
        raise StateDirError(f"{VARIABLE} {top.parent}: {reason(error)}; name a folder that can be written") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
