"""What the second path is asked, and what it found, as values that the pure core can look at."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """One order of which a violation is to be reported.

    Attributes:
        order_id: its id as the service writes it.
        kinds: what it violates, for example `lost event`.
        row, event: what the first reading said is there.
        identity: the 16 bytes of its id in hexadecimal digits.
        seq: sequence number of its attempt; None when not known.
    """

    order_id: str
    kinds: tuple[str, ...]
    row: bool
    event: bool
    identity: str = ""
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The violations to be looked up.

    Attributes:
        first: all of them, by send time.
    """

    first: list[Candidate]

    @property
    def eligible(self) -> int:
        """How many they are."""
        return len(self.first)

    @property
    def digest(self) -> str:
        """Fingerprint of what is asked, so that an answer is never taken for that to another question."""
        lines = [f"{one.order_id} {one.row:d}{one.event:d} {','.join(one.kinds)}" for one in self.first]
        return hashlib.sha256("\n".join([str(self.eligible), *lines]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An order of which the second path found something else.

    Attributes:
        order_id: its id.
        kind: what was to be reported.
        said: what the first reading said is there.
        found: what the second one found.
        identity: the 16 bytes of its id in hexadecimal digits.
    """

    order_id: str
    kind: str
    said: str
    found: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The result of the second path.

    Attributes:
        digest: fingerprint of what was asked.
        eligible: violations in all.
        checked: how many of them were looked up.
        refuted: those that the harness was wrong about.
        unsettled: those about which something came or changed after the first reading: each is in doubt by itself.
        disputed: lost events that a record names which might be theirs, though it is none by strict JSON.
        complete: both stores were read as far as was needed.
        problem: why not, in one line; None when complete.
        lost_rows_sha256: of the file that holds the lost events made from their rows; None when there is none.
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
        """How many violations the second look found again."""
        wrong = len(self.refuted) + len(self.unsettled) + len(self.disputed)
        return self.checked - wrong if self.complete else 0

    @property
    def doubted(self) -> tuple[list[Contradiction], list[Contradiction]]:
        """Orders that are disputed, and those that changed."""
        return self.disputed, self.unsettled
