"""An `argparse` parser whose errors show no secret."""

import argparse
import sys
from typing import Any, Final, NoReturn

from redaction.patterns import shows_secret, without_secrets

VERSION: Final = "0.1.0"
"""Version of the harness, as in `pyproject.toml`."""


class CarefulParser(argparse.ArgumentParser):
    """A parser whose errors do not repeat a secret that was given in the wrong place, and that knows the version."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        text = f"locust-chaos-harness {VERSION}"
        self.add_argument("--version", action="version", version=text, help="print the version and end")

    def error(self, message: str) -> NoReturn:
        """Print the message, and exit with code 2."""
        super().error(without_secrets(message))


def warn_of_password(database_url: str | None) -> None:
    """Print a warning if the value of `--database-url` has a password."""
    if database_url and shows_secret(database_url):
        sys.stderr.write(
            "warning: a password in --database-url shows in the list of processes; set LOCUST_DATABASE_URL\n"
        )
