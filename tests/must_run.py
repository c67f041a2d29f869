"""Tests that need something of the machine: skipped by name and reason where it is missing, failed where it must be.

CI_MUST_NOT_SKIP names what this machine must have (`browser`, `engine`; several with spaces between), or is 1 for all.
"""

import os
from typing import NoReturn

import pytest


def is_missing(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where `what` must be there."""
    demanded = os.environ.get("CI_MUST_NOT_SKIP", "").split()
    if what in demanded or "1" in demanded:
        pytest.fail(f"{reason}, and this is where it must be tested")
    pytest.skip(reason)
