"""How a wrong option is refused: one sentence that names the option, the value, and what would be right."""

from typing import Final

_LONGEST_SHOWN: Final = 200


class SettingsError(ValueError):
    """A wrong option; the message is one sentence that names option, value and remedy."""


class Unshown(ValueError):
    """Refusal of a text that must not be shown, or is missing; the message continues the option's flag."""


def shown_value(text: str, *, secret: bool) -> str:
    half = _LONGEST_SHOWN // 2  # both ends stay: the name of a file is the end of its path
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"
    return "(hidden)" if secret else (short or "''")
