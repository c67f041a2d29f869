"""Texts from a command line, shown to people: what may be a secret is taken out."""

import argparse
import re
from typing import Final, NoReturn

_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*:[^/\s]*@")
_NAMED: Final = re.compile(r"(password\s*=\s*)('[^']*'|[^\s&]*)", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return `text` with the user part of URLs, and what is given as a password, replaced by `***`."""
    return _NAMED.sub(r"\1***", _IN_URL.sub("***@", text))


def shows_secret(text: str) -> bool:
    """Return whether `text` holds what `without_secrets` takes out."""
    return without_secrets(text) != text


class CarefulParser(argparse.ArgumentParser):
    """A parser whose complaints repeat no secret that was given in the wrong place."""

    def error(self, message: str) -> NoReturn:
        """Complain, and end with the exit code 2."""
        super().error(without_secrets(message))
