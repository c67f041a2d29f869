"""The violations that are verified, and the result, as values that the pure core can read."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """One order with a violation to verify.

    Attributes:
        order_id: its id as the service writes it.
        kinds: what it violates, for example `lost event`.
        row, event: whether the first reading found them.
        identity: the 16 bytes of its id in hexadecimal digits.
        seq: sequence number of its attempt; None if unknown.
    """

    order_id: str
    kinds: tuple[str, ...]
    row: bool
    event: bool
    identity: str = ""
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """All orders with a violation, by send time."""

    orders: list[Candidate]

    @property
    def eligible(self) -> int:
        return len(self.orders)

    @property
    def digest(self) -> str:
        """Fingerprint of the candidates, so that a saved result is never taken for that of others."""
        lines = [f"{one.order_id} {one.row:d}{one.event:d} {','.join(one.kinds)}" for one in self.orders]
        return hashlib.sha256("\n".join([str(self.eligible), *lines]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An order for which the verification found something else than the first reading.

    Attributes:
        said: what the first reading found.
        found: what the verification found.
        identity: the 16 bytes of its id in hexadecimal digits.
    """

    order_id: str
    kind: str
    said: str
    found: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The result of the verification.

    Attributes:
        digest: fingerprint of the candidates.
        eligible: violations in all.
        checked: how many of them were verified.
        refuted: those that the harness was wrong about.
        unsettled: those of which a row or event came or changed after the first reading: each is in doubt by itself.
        disputed: lost events that a record names which might be theirs, although it is none by strict JSON.
        complete: both stores were read as far as was needed.
        problem: why not, in one line; None when complete.
        lost_rows_sha256: of the file with the lost events rebuilt from their rows; None without such a file.
    """

    digest: str
    eligible: int
    checked: int
    refuted: list[Contradiction] = field(default_factory=list)
    unsettled: list[Contradiction] = field(default_factory=list)
    disputed: list[Contradiction] = field(default_factory=list)
    complete: bool = True
    problem: str | None = None
    lost_rows_sha256: str | None = None

    @property
    def confirmed(self) -> int:
        """How many violations the verification found again."""
        wrong = len(self.refuted) + len(self.unsettled) + len(self.disputed)
        return self.checked - wrong if self.complete else 0
