"""How a wrong option is refused: one sentence that names the option, the value, and what would be right."""

from typing import Final

from settings.options import Option

LONGEST_SHOWN: Final = 200


class SettingsError(ValueError):
    """A wrong option; the message is one sentence that names option, value and remedy."""


def wrong(option: Option, text: str, right: str) -> SettingsError:
    """Return the refusal of `text` for `option`; a secret is not shown, a long text is cut."""
    return SettingsError(f"{option.flag} {shown_value(text, secret=option.secret)}: {right}")


def shown_value(text: str, *, secret: bool) -> str:
    """Return the text of an option as an error shows it."""
    half = LONGEST_SHOWN // 2  # both ends stay: the name of a file is the end of its path
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"
    return "(hidden)" if secret else (short or "''")
