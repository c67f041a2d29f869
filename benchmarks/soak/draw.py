"""Draws one run of the soak: fault, target, variant, how and when its harness ends. Pure.

Each run is drawn from the seed and its own number alone, so that any of them can be repeated alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from chaos.faults.registry import FAULTS as REGISTERED

FAULTS: Final = tuple(REGISTERED)
TARGETS: Final = ("broker", "database", "service")
FREEZE: Final = "SIGSTOP, late SIGCONT"
KILL_GROUP: Final = "SIGKILL of group"
# A third of the runs ends by itself; the others are ended, in each way equally often.
ENDINGS: Final = ("none", "none", "none", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", KILL_GROUP, FREEZE)
KILLS: Final = frozenset({"SIGKILL", KILL_GROUP})
VARIANTS: Final[tuple[tuple[str, ...], ...]] = (
    ("naive",),
    ("naive",),
    ("outbox",),
    ("outbox",),
    ("awaited",),
    ("awaited", "--service-publish-failure", "500"),
    ("after-commit",),
    ("raised",),
)
START: Final = "start"
# The mark after which the harness is ended, and the longest time after it in seconds.
MOMENTS: Final[dict[str, float]] = {
    START: 9.0,
    "baseline": 1.0,
    "injecting": 0.3,
    "injected": 3.0,
    "healing": 0.5,
    "healed": 0.3,
    "recovery": 1.0,
    "drain": 2.0,
    "drained": 0.5,
    "health_checked": 1.5,
}
RATES: Final = (20, 50)
OUTAGE_S: Final = (2.0, 4.0)
FROZEN_S: Final = (1.0, 7.0)
# How long an outage may exceed its length before the watchdog heals it, while its harness is frozen.
OVERSTAY_S: Final = 6.0
OWN_STACK_EVERY: Final = 3


@dataclass(frozen=True, slots=True)
class SoakRun:
    """One run of the soak.

    Attributes:
        number: from 1.
        fault: one of `FAULTS`.
        target: one of `TARGETS`.
        variant: of the order service, with its options.
        ending: one of `ENDINGS`.
        moment: mark of the run after which it is ended, one of `MOMENTS`.
        delay_s: seconds after that mark.
        frozen_s: least time for which a harness is frozen, seconds.
        outages: how many.
        outage_s: length of each, seconds.
        rate: orders a second.
        own_stack: the run starts and stops a stack of its own; otherwise it uses the one that stays up.
    """

    number: int
    fault: str
    target: str
    variant: tuple[str, ...]
    ending: str
    moment: str
    delay_s: float
    frozen_s: float
    outages: int
    outage_s: float
    rate: int
    own_stack: bool

    @property
    def when(self) -> str:
        """When the harness is ended, in words."""
        return "" if self.ending == "none" else f"{self.moment} + {self.delay_s:.1f} s"

    def arguments(self) -> list[str]:
        """Return the options of `locust`."""
        lengths = {"baseline": 1, "outage": self.outage_s, "recovery": 1, "settle": 1, "delivery-timeout": 1}
        plan = [text for name, length in lengths.items() for text in (f"--{name}", f"{length:g}s")]
        plan += ["--outages", str(self.outages)]
        if self.ending == FREEZE:
            plan += ["--max-outage", f"{self.outage_s + OVERSTAY_S:g}s"]
        what = ["--fault", self.fault, "--fault-target", self.target, "--rate", str(self.rate)]
        return ["--headless", *plan, *what, "--service-variant", *self.variant]


def draw(seed: int, number: int) -> SoakRun:
    """Return run `number` of the soak with this seed."""
    source = random.Random(f"{seed}:{number}")
    moment = source.choice(tuple(MOMENTS))
    return SoakRun(
        number=number,
        fault=source.choice(FAULTS),
        target=source.choice(TARGETS),
        variant=source.choice(VARIANTS),
        ending=source.choice(ENDINGS),
        moment=moment,
        delay_s=round(source.uniform(0, MOMENTS[moment]), 2),
        frozen_s=round(source.uniform(*FROZEN_S), 1),
        outages=source.choice((1, 1, 1, 2)),
        outage_s=round(source.uniform(*OUTAGE_S), 1),
        rate=source.randint(*RATES),
        own_stack=number % OWN_STACK_EVERY == 0,
    )
