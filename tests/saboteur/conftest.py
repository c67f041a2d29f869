"""Real Locust processes, as in the end-to-end tests."""

from tests.e2e.conftest import start

__all__ = ["start"]
