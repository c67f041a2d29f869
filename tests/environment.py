"""Environments of the commands that tests start."""

import os


def without_options() -> dict[str, str]:
    """This process's variables without those that are options of a run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
