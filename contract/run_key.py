"""Run-scoped customer ids: a valid UUID whose upper half names the run and whose lower half is the sequence number.

So the rows of a run are one range of the `customer_id` index, an attempt without an answer can still be traced to its
row and its event, and other traffic never counts. Orders that the harness makes for its own checks use a run key of
their own and are in no count.
"""

import secrets
import uuid
from dataclasses import dataclass
from typing import Final

# Version 4 and the RFC 9562 variant: the strictest validators of a service under test take nothing else.
_VERSION: Final = 0x4 << 12
_VARIANT: Final = 0b10 << 62
_SEQUENCE_MASK: Final = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class RunKey:
    """The upper 64 bits that all customer ids of one run share.

    Attributes:
        upper: 64-bit integer with the UUID version nibble in place.
    """

    upper: int

    @classmethod
    def random(cls) -> "RunKey":
        """Draw a new key; 60 random bits keep runs apart."""
        bits = secrets.randbits(64)
        return cls((bits & ~0xF000) | _VERSION)

    @classmethod
    def parse(cls, text: str) -> "RunKey":
        """Return the key that `str(key)` wrote (16 hex digits).

        Raises:
            ValueError: not 16 hex digits with the version in place.
        """
        upper = int(text, 16)
        if len(text) != 16 or upper & 0xF000 != _VERSION:
            raise ValueError(f"{text!r} is not a run key: 16 hex digits with version 4 expected")
        return cls(upper)

    def __str__(self) -> str:
        return f"{self.upper:016x}"

    def customer_id(self, sequence: int) -> uuid.UUID:
        """Return the customer id of attempt number `sequence` (0 to 2**62 - 1)."""
        if not 0 <= sequence <= _SEQUENCE_MASK:
            raise ValueError(f"sequence {sequence} does not fit into 62 bits")
        return uuid.UUID(int=(self.upper << 64) | _VARIANT | sequence)

    def sequence_of(self, customer_id: uuid.UUID) -> int | None:
        """Return the sequence number that `customer_id` carries, or None when it is not of this run."""
        if customer_id.int >> 64 != self.upper:
            return None
        return customer_id.int & _SEQUENCE_MASK

    @property
    def text_prefix(self) -> str:
        """The 19 characters (lower case, trailing dash) that each customer id of this run starts with as text."""
        text = str(self.customer_id(0))
        return text[:19]

    @property
    def first(self) -> uuid.UUID:
        """Lower bound of the run's customer ids, inclusive."""
        return self.customer_id(0)

    @property
    def last(self) -> uuid.UUID:
        """Upper bound of the run's customer ids, inclusive."""
        return self.customer_id(_SEQUENCE_MASK)


# Always the same, so that the harness's own orders are recognised in any database: c4ecc4ec-c4ec-4c4e-...
CHECK_KEY: Final = RunKey.parse("c4ecc4ecc4ec4c4e")
