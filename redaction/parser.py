"""An `argparse` parser whose errors show no secret."""

import argparse
from typing import NoReturn

from redaction.patterns import without_secrets


class CarefulParser(argparse.ArgumentParser):
    """A parser whose errors do not repeat a secret that was given in the wrong place."""

    def error(self, message: str) -> NoReturn:
        """Print the message, and exit with code 2."""
        super().error(without_secrets(message))
