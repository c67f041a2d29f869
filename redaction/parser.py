"""An `argparse` parser whose errors show no secret."""

import argparse
import sys
from typing import NoReturn

from redaction.patterns import shows_secret, without_secrets


class CarefulParser(argparse.ArgumentParser):
    """A parser whose errors do not repeat a secret that was given in the wrong place."""

    def error(self, message: str) -> NoReturn:
        """Print the message, and exit with code 2."""
        super().error(without_secrets(message))


def warn_of_password(database_url: str | None) -> None:
    """Print a warning if the value of `--database-url` has a password."""
    if database_url and shows_secret(database_url):
        sys.stderr.write(
            "warning: a password in --database-url shows in the list of processes; set LOCUST_DATABASE_URL\n"
        )
