"""The outcome of an attempt as its client saw it, and the rule that decides it.

The default is `ambiguous`: only a complete answer that says so makes an order acknowledged, and only an order that the
service certainly did not create is rejected.
"""

from enum import IntEnum
from typing import Final


class Outcome(IntEnum):
    """Outcome of one attempt; the numbers are those of the ledger file."""

    AMBIGUOUS = 0
    ACKNOWLEDGED = 1
    REJECTED = 2
    PROVOKED = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Failure(IntEnum):
    """How an exchange failed below HTTP; the numbers are those of the ledger file."""

    NONE = 0
    TIMEOUT = 1
    REFUSED = 2
    RESET = 3
    OTHER = 4
    UNREADABLE = 5


REJECTING_STATUSES: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})


def classify(status: int | None, failure: Failure, has_order_id: bool, rolled_back: bool = False) -> Outcome:
    """Return the outcome of one exchange.

    Args:
        status: HTTP status of a completely read answer, None without one.
        failure: how the exchange failed below HTTP; REFUSED only if no byte of the request had been sent.
        has_order_id: the answer returned a readable order id.
        rolled_back: the answer says that the order was rolled back after its event was published, as requested.
    """
    if failure is Failure.REFUSED and status is None:
        return Outcome.REJECTED
    if failure is not Failure.NONE or status is None:
        return Outcome.AMBIGUOUS
    if 200 <= status < 300 and has_order_id:
        return Outcome.PROVOKED if rolled_back else Outcome.ACKNOWLEDGED
    if status in REJECTING_STATUSES:
        return Outcome.REJECTED
    return Outcome.AMBIGUOUS
