"""What a saboteur may do with an order: how it answers, whether it stores a row, which records it publishes. Pure."""

import hashlib
from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """How the client is answered; `CUT` closes the connection instead."""

    CREATED = 201
    REFUSED = 400
    FAILED = 500
    CUT = 0
    PROVOKED = 200


@dataclass(frozen=True)
class Fate:
    """The treatment of one order.

    Attributes:
        name: in words.
        answer: how the client is answered.
        row: whether it is stored.
        events: event numbers to be published; equal numbers are the same event again.
        instead: records that name it and are no event: `tombstone` and `other` (another type), which are certainly
            none, and those of DOUBTFUL.
        twin: a second order of the same customer is stored and published, too.
        delay: seconds to wait before publishing.
    """

    name: str
    answer: Answer
    row: bool = True
    events: tuple[int, ...] = (1,)
    instead: tuple[str, ...] = ()
    twin: bool = False
    delay: float = 0.0

    @property
    def disputed(self) -> bool:
        """Whether a record that is not its event might be it."""
        return self.row and not self.events and not DOUBTFUL.isdisjoint(self.instead)


# Garbage under the right key, the right value under a foreign key, the right key with the tag of another customer.
DOUBTFUL = frozenset({"garbage", "foreign key", "another tag"})
HONEST = Fate("honest", Answer.CREATED)
FATES = (
    Fate("dropped", Answer.CREATED, events=()),
    Fate("redelivered", Answer.CREATED, events=(1, 1)),
    Fate("published twice", Answer.CREATED, events=(1, 2)),
    Fate("thrice", Answer.CREATED, events=(1, 2, 1)),
    Fate("invented", Answer.CREATED, row=False),
    Fate("swallowed", Answer.CREATED, row=False, events=()),
    Fate("delayed", Answer.CREATED, delay=1.5),
    Fate("tombstone", Answer.CREATED, events=(), instead=("tombstone",)),
    Fate("garbage", Answer.CREATED, events=(), instead=("garbage", "tombstone")),
    Fate("garbage after the event", Answer.CREATED, instead=("garbage",)),
    Fate("foreign key", Answer.CREATED, events=(), instead=("foreign key", "other")),
    Fate("another tag", Answer.FAILED, events=(), instead=("another tag",)),
    Fate("other type", Answer.CREATED, events=(), instead=("other",)),
    Fate("event and tombstone", Answer.CREATED, instead=("tombstone", "other")),
    Fate("twin", Answer.CREATED, twin=True),
    Fate("refused", Answer.REFUSED, row=False, events=()),
    Fate("refused, whole", Answer.REFUSED),
    Fate("refused, stored", Answer.REFUSED, events=()),
    Fate("refused, published", Answer.REFUSED, row=False),
    Fate("failed", Answer.FAILED, row=False, events=()),
    Fate("failed, whole", Answer.FAILED),
    Fate("failed, stored", Answer.FAILED, events=()),
    Fate("failed, published", Answer.FAILED, row=False),
    Fate("cut", Answer.CUT, row=False, events=()),
    Fate("cut, whole", Answer.CUT),
    Fate("cut, stored", Answer.CUT, events=()),
)
PROVOKED = Fate("provoked", Answer.PROVOKED, row=False)
PHANTOM_FATES = (
    Fate("provoked, kept", Answer.PROVOKED),
    Fate("provoked, only stored", Answer.PROVOKED, events=()),
    Fate("provoked without event", Answer.PROVOKED, row=False, events=()),
)
HONEST_SHARE = 0.4


def fate_of(seed: int, seq: int, *, phantom: bool) -> Fate:
    """Return the fate of order number `seq`; the same seed always gives the same."""
    number = int.from_bytes(hashlib.sha256(f"{seed}/{seq}/{phantom}".encode()).digest()[:8])
    usual, fates = (PROVOKED, PHANTOM_FATES) if phantom else (HONEST, FATES)
    if number % 1000 < HONEST_SHARE * 1000:
        return usual
    return fates[(number // 1000) % len(fates)]
