"""How long healing may take: two options, and every other limit follows from them here."""

from dataclasses import dataclass
from typing import Final

# How often a target that is not proven back is healed again within one attempt at healing.
HEAL_TRIES: Final = 3
DEFAULT_COMMAND_S: Final = 600.0
DEFAULT_PROOF_S: Final = 60.0
# For what surrounds an act: asking the engine, writing the journal, an answer on a busy machine.
MARGIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The two limits that a user gives, seconds.

    Attributes:
        command: longest time of one act on the target (`--command-timeout`).
        proof: longest wait for a healed target to be proven back (`--fault-timeout`).
    """

    command: float = DEFAULT_COMMAND_S
    proof: float = DEFAULT_PROOF_S

    @property
    def proof_of_one(self) -> float:
        """Longest wait for the proof after one of the tries, seconds."""
        return self.proof / HEAL_TRIES

    @property
    def healing(self) -> float:
        """Longest time of one attempt at healing: a command that another process left running, its proof, and ours."""
        return self.command + HEAL_TRIES * self.command + 2 * self.proof + MARGIN_S

    @property
    def answer(self) -> float:
        """Longest wait for a watchdog that reports work: it may first have to heal on its own."""
        return self.command + 2 * self.healing

    @property
    def unclosed(self) -> float:
        """How long a harness may take to prove a target back after the act, before the watchdog does it itself."""
        return self.proof + MARGIN_S
