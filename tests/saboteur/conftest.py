"""The fixtures of the end-to-end tests: a stack that was left running, and real Locust processes."""

from tests.e2e.conftest import left_running, stack_home, start

__all__ = ["left_running", "stack_home", "start"]
