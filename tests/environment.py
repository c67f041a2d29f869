"""Environments of the commands that tests start."""

import os

import pytest


def without_options() -> dict[str, str]:
    """This process's variables without those that are options of a run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}


def drop_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what is an option of a run out of this process's variables, until the end of the test."""
    for name in os.environ.keys() - without_options().keys():
        monkeypatch.delenv(name)
