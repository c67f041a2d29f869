"""Asking a prober until it answers in one way."""

import time

from health.replies import Prober

WHILE_S = 10.0


def until(one: Prober, how: str, timeout_s: float = 0.3) -> list[str]:
    """Ask until the answer is `how`; return every result."""
    results: list[str] = []
    end = time.monotonic() + WHILE_S
    while not results or results[-1] != how:
        assert time.monotonic() < end, f"never {how}: {results}"
        results.append(one.ask(timeout_s).how)
        time.sleep(0.02)
    return results
