"""What the second path found, as values that the pure core can look at."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An order of which the second path found something else.

    Attributes:
        order_id: its id.
        kind: what was to be reported.
        said: what the first reading said is there.
        found: what the second one found.
    """

    order_id: str
    kind: str
    said: str
    found: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The result of the second path.

    Attributes:
        digest: fingerprint of what was asked.
        eligible: violations in all.
        checked: how many of them were looked up.
        refuted: those that the harness was wrong about.
        unsettled: those about which something came only after the first reading.
        complete: both stores were read as far as was needed.
        problem: why not, in one line; None when complete.
        lost_rows_sha256: of the file that holds the lost events made anew; None when there is none.
    """

    digest: str
    eligible: int
    checked: int
    refuted: list[Contradiction] = field(default_factory=list)
    unsettled: list[Contradiction] = field(default_factory=list)
    complete: bool = True
    problem: str | None = None
    lost_rows_sha256: str | None = None
