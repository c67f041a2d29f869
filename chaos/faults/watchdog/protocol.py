"""What the harness and the watchdog say to each other: one JSON object a line.

A request: `{"id": n, "do": VERB, ...}`; its answer: `{"id": n, ...}` or `{"id": n, "error": SENTENCE, "why": REASON}`.

| verb | with | what the watchdog does |
|---|---|---|
| `arm` | `arm` | owns a run's target from now on, after it has healed what an earlier run left broken there |
| `break` | `fault` | writes the journal and the mark `injecting`, then injects the fault |
| `break` | `proof` | notes that the monitor has proven it: mark `injected` |
| `heal` | | writes the mark `healing`, then undoes the fault |
| `heal` | `proof` | notes that the monitor has proven the target back: mark `healed`, journal closed |
| `disarm` | | gives the target back |
| `own` | `teardown` | notes what it takes down when the harness is gone |

Without a request the watchdog sends `{"retired": SENTENCE}` after it has healed on its own, and every second
`{"working": {"what": ..., "seconds": ..., "limit": ...}}` while an act goes on: a watchdog that is silent for longer is
frozen.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from chaos.faults.limits import Limits
from chaos.faults.targets import TargetSpec
from health.effect import Effect
from health.spec import ProbeRecipe, ProbeSpec
from health.state import Proof

# Reasons of a refusal.
BUSY: Final = "busy"
ALREADY_DOWN: Final = "already_down"
TARGET: Final = "target"
# The fault was begun, and how far it got is unknown: it is to be healed.
BEGUN: Final = "begun"
RETIRED: Final = "retired"
NOT_RESTORED: Final = "not_restored"
TIMED_OUT: Final = "timed_out"


@dataclass(frozen=True, slots=True)
class Arm:
    """Own one run's target.

    Attributes:
        harness: process id of the harness.
        probe: how that is proven to serve; may hold secrets.
        recipe: the same without secrets, for the journal.
        folder: where lease and journal of the target are.
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
class Break:
    """A fault to inject.

    Attributes:
        clock: epoch and monotonic seconds at the anchor of the run's clock.
        marks: file of the run's marks; empty when there is none.
    """

    run_id: str
    fault: str
    outage: int
    clock: tuple[float, float]
    marks: str = ""
    effect: Effect = field(default_factory=Effect)


@dataclass(frozen=True, slots=True)
class Teardown:
    """What the harness starts, and the watchdog takes down when the harness no longer can.

    Attributes:
        kind: `embedded` or `compose`.
        owner: the name under which it was started.
        parameters: where it is and, while it is being changed, its state before that; texts by name, no secrets.
    """

    kind: str
    owner: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Marked:
    """The answer to `break` and `heal`: a mark as the watchdog wrote it.

    Attributes:
        at: epoch seconds of the run's clock; None where there was nothing to mark.
        unwritten: why it is not on disk; None if it is.
        described: what exactly is hit, of `injecting`.
        stays: why the journal stays although its target is proven back, of `healed`.
    """

    at: float | None = None
    unwritten: str | None = None
    described: str = ""
    stays: str | None = None


class Refusal(Exception):
    """The watchdog does not do what was asked; the message is one sentence.

    Args:
        why: one of the reasons of this file.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was read."""

    id: int
    do: str
    arm: Arm | None = None
    fault: Break | None = None
    proof: Proof | None = None
    teardown: Teardown | None = None


def read_request(line: bytes) -> Request:
    """Return the request that a line holds.

    Raises:
        msgspec.MsgspecError: it holds none.
    """
    return msgspec.json.decode(line, type=Request)


def as_line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
