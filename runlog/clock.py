"""The clock of a run: the monotonic clock, anchored once to epoch.

Every process of a run uses the same anchor, so that times of different processes can be compared, and a step of the
wall clock (by NTP or a user) changes none of them. The clocks of database, broker and service decide nothing.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

# The years 1 to 9999, all that ISO 8601 writes with four digits, in epoch seconds; the end excluded.
EARLIEST_S: Final = -62_135_596_800.0
LATEST_S: Final = 253_402_300_800.0


@dataclass(frozen=True, slots=True)
class AnchoredClock:
    """Epoch seconds that never move backwards.

    Attributes:
        epoch: wall-clock seconds since 1970 at the anchor.
        monotonic: seconds of the system-wide monotonic clock at the same moment; shared by all processes of a machine.
    """

    epoch: float
    monotonic: float

    @classmethod
    def anchor(cls) -> "AnchoredClock":
        return cls(epoch=time.time(), monotonic=time.monotonic())

    def now(self) -> float:
        """Return epoch seconds now."""
        return self.epoch + (time.monotonic() - self.monotonic)

    def wall_step(self) -> float:
        """Return by how many seconds the wall clock has moved against this one since the anchor."""
        return time.time() - self.now()


def iso_utc(epoch: float) -> str:
    """Return `epoch` seconds as ISO 8601 UTC with microseconds, the format of times in CSV and reports.

    A number beyond the years 1 to 9999 (of a clock that counts otherwise) is written as a number of seconds.
    """
    if not EARLIEST_S <= epoch < LATEST_S:
        return f"{epoch:.0f} s since 1970"
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
