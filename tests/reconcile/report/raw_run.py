"""What the recomputed sentences look at: the raw history, and what the guards found in it."""

import math
from dataclasses import dataclass
from functools import cached_property

from reconcile.judge.findings import Guard
from runlog import marks as m
from tests.reconcile.report.raw_history import Order, Raw


def some(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def took(value: float) -> str:
    return f"{value:.1f} s" if abs(value) >= 1 else f"{1000 * value:.0f} ms"


@dataclass(frozen=True)
class RawRun:
    """The raw history, and what the guards found in it."""

    raw: Raw
    guards: list[Guard]

    @property
    def failed(self) -> list[Guard]:
        return [guard for guard in self.guards if guard.failed]

    def doubted(self, what: str) -> bool:
        return any(getattr(guard.casts, what) for guard in self.failed)

    def split(self, orders: list[Order], what: str) -> tuple[int, int]:
        """How many are proven, and how many only suspected."""
        return (0, len(orders)) if self.doubted(what) else (len(orders), 0)

    @cached_property
    def named(self) -> set[int]:
        """Orders that a record names which is no event of theirs."""
        return {(int(one["hi"]) << 64) | int(one["lo"]) for one in self.raw.history.events.mentions}

    @property
    def lost(self) -> list[Order]:
        return [one for one in self.raw.orders if one.lost and one.identity not in self.named]

    @property
    def disputed(self) -> list[Order]:
        return [one for one in self.raw.orders if one.lost and one.identity in self.named]

    @property
    def phantoms(self) -> list[Order]:
        return [one for one in self.raw.orders if one.event and not one.row]

    @property
    def lost_orders(self) -> list[Order]:
        return [one for one in self.raw.orders if one.acknowledged and not one.row]

    @property
    def visible(self) -> list[Order]:
        rejected = [one for one in self.raw.orders if one.outcome == "rejected" and (one.row or one.event)]
        return rejected + [one for one in self.raw.orders if one.outcome == "provoked" and one.row and one.event]

    @property
    def undecided(self) -> bool:
        """Whether the verdict must be inconclusive."""
        return any(guard.kind.value == "evidence" for guard in self.failed) or bool(self.failed and not self.violations)

    @property
    def violations(self) -> bool:
        """Whether anything is proven."""
        kinds = ((self.lost, "lost_events"), (self.phantoms, "phantom_events"), (self.lost_orders, "lost_orders"))
        proven = any(orders and not self.doubted(what) for orders, what in kinds)
        twice = self.raw.history.facts.fail_on_duplicates and self.raw.duplicates()["published_twice"]
        return proven or bool(self.visible) or bool(twice)

    def edges(self, outage: int) -> tuple[float, float, float, float]:
        """The four marks; one that is missing falls together with the next."""
        at = [self.raw.mark(name, outage) for name in (m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)]
        end = math.inf if at[3] is None else at[3]
        healing = end if at[2] is None else at[2]
        injected = healing if at[1] is None else at[1]
        return next((mark for mark in at if mark is not None), 0.0), injected, healing, end

    def target(self, outage: int) -> str:
        return self._detail("target", outage)

    def fault(self, outage: int) -> str:
        return self._detail("fault", outage)

    def _detail(self, name: str, outage: int) -> str:
        marks = self.raw.history.marks
        return next((str(mark.detail[name]) for mark in marks if mark.outage == outage and name in mark.detail), name)

    def away(self, outage: int) -> tuple[float, float] | None:
        """From the first failure to the last one, where the target was proven back."""
        down, up = self.raw.edge("down_edge", outage), self.raw.edge("up_edge", outage)
        if down is None or up is None or self.raw.mark(m.HEALED, outage) is None:
            return None
        return down[1], up[0]

    def during(self, outage: int) -> list[Order]:
        """Attempts sent from `injecting` to before `healed`."""
        begin, _, _, end = self.edges(outage)
        return [one for one in self.raw.attempts if one.sent is not None and begin <= one.sent < end]
