"""Marks of parametrized tests."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def only(kept: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """Return the values as parameters, those that are not `kept` marked exhaustive: `make test-all` runs them."""
    return [
        value
        if value in kept
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.exhaustive)
        for value in values
    ]
