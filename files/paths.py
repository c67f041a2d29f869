"""Paths as people write them, and the reason of an operating system error in a few words."""

import os
from pathlib import Path
from typing import Final

# The folder that holds the harness's packages; child processes import them from there.
CHECKOUT: Final = Path(__file__).resolve().parent.parent


def child_environment() -> dict[str, str]:
    """Return our environment with a PYTHONPATH by which child processes import our packages from any folder."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def expanded(text: str) -> Path:
    """Return the path that `text` names, a leading `~` or `~user` filled in; an unknown user stays as text."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def reason(error: OSError) -> str:
    """Return an operating system error as a few lower-case words, without paths."""
    return (error.strerror or error.__class__.__name__).lower()
