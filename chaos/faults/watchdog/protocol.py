"""What the harness and the watchdog say to each other: one JSON object a line.

An order: `{"id": n, "do": WORD, ...}`; its answer: `{"id": n, ...}` or `{"id": n, "error": SENTENCE, "why": REASON}`.
Unasked the watchdog says `{"retired": SENTENCE}` after it has healed on its own account, and every second `{"working":
{"what": ..., "seconds": ..., "limit": ...}}` while an act goes on: a watchdog that says nothing for longer is frozen.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from chaos.faults.limits import Limits
from chaos.faults.targets import TargetSpec
from health.spec import ProbeRecipe, ProbeSpec
from runlog.fault_facts import Effect

# Reasons of a refusal.
BUSY: Final = "busy"
ALREADY_DOWN: Final = "already_down"
TARGET: Final = "target"
RETIRED: Final = "retired"
NOT_RESTORED: Final = "not_restored"
TIMED_OUT: Final = "timed_out"


@dataclass(frozen=True, slots=True)
class Arm:
    """Take charge of one run's target.

    Attributes:
        harness: process id of the harness.
        target: what it may break.
        probe: how that is proven to serve; may hold secrets.
        recipe: the same without secrets, for the journal.
        folder: where lease and journal of the target lie.
        max_outage: seconds after which an outage is healed, whatever the harness says.
        limits: how long acts and proofs may take.
    """

    harness: int
    target: TargetSpec
    probe: ProbeSpec
    recipe: ProbeRecipe
    folder: str
    max_outage: float
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Begin:
    """A fault that is about to be done.

    Attributes:
        run_id: the run that does it.
        fault: its name.
        outage: number of the outage in its run.
        clock: epoch and monotonic seconds at the anchor of the run's clock.
        marks: file of the run's marks; empty when there is none.
        effect: what it must bring about.
    """

    run_id: str
    fault: str
    outage: int
    clock: tuple[float, float]
    marks: str = ""
    effect: Effect = field(default_factory=Effect)


@dataclass(frozen=True, slots=True)
class TakeDown:
    """What the harness brings up, and who shall end it when the harness no longer can.

    Attributes:
        kind: `embedded` or `compose`.
        owner: the name under which it was brought up.
        parameters: where it is and, while it is being changed, how it stood before; texts by name, no secrets.
    """

    kind: str
    owner: str
    parameters: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The watchdog does not do what was asked; the message is one sentence.

    Args:
        why: one of the reasons of this file.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it was read."""

    id: int
    do: str
    arm: Arm | None = None
    begin: Begin | None = None
    take_down: TakeDown | None = None


def read_order(line: bytes) -> Order:
    """Return the order that a line holds.

    Raises:
        msgspec.MsgspecError: it holds none.
    """
    return msgspec.json.decode(line, type=Order)


def as_line(value: Any) -> bytes:
    """Return any of the above, or an answer, as one line."""
    return msgspec.json.encode(value) + b"\n"
