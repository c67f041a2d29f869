"""The exit codes of every command of the harness, and which one wins when several apply.

0 verdict reached and as expected; 1 verdict reached and not as expected; 2 usage error or harness crash (Locust's own
meaning); 3 inconclusive; 4 preflight failed, or the target could not be restored; 130 / 143 interrupted, after healing.
"""

from typing import Final

AS_EXPECTED: Final = 0
NOT_AS_EXPECTED: Final = 1
USAGE_OR_CRASH: Final = 2
INCONCLUSIVE: Final = 3
NOT_READY: Final = 4
SIGINT: Final = 130
SIGTERM: Final = 143

PRECEDENCE: Final = (USAGE_OR_CRASH, SIGINT, SIGTERM, NOT_READY, INCONCLUSIVE, NOT_AS_EXPECTED, AS_EXPECTED)
"""All exit codes, the strongest first. Only a target that could not be restored outranks them."""


def strongest(codes: list[int], not_restored: bool = False) -> int:
    """Return the code that wins.

    Args:
        codes: all that apply; at least one.
        not_restored: the target could not be restored, which outranks everything.
    """
    if not_restored:
        return NOT_READY
    return min(codes, key=PRECEDENCE.index)
