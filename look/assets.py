"""The files of this room that pages contain whole: the style sheet and the script of the figures."""

import base64
import hashlib
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent


def style() -> str:
    """Return the style sheet of every page: colours for light, dark and print, type, cards, tables, figures."""
    return (_FOLDER / "look.css").read_text(encoding="utf-8")


def figure_script() -> str:
    """Return the script by which figures give their values to mouse, finger and keyboard."""
    return (_FOLDER / "figure.js").read_text(encoding="utf-8")


def digest(script: str) -> str:
    """Return the source expression by which a content security policy allows exactly this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
