"""What became of one question to a target, for all protocols alike."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

Connection = Literal["kept", "new"]
"""`kept`: one that was open before; when it is lost, whatever its holder opens in its place. `new`: one of its own for
each question."""

How = Literal["answered", "refused", "hanging", "broken"]
"""`answered`: completely, in time, and healthy. `refused`: the connection is not accepted, or the answer says no.
`hanging`: no complete answer came in time. `broken`: the connection ended, or what came is no answer."""

KEPT: Final[Connection] = "kept"
NEW: Final[Connection] = "new"
CONNECTIONS: Final[tuple[Connection, ...]] = get_args(Connection)
ANSWERED: Final[How] = "answered"
REFUSED: Final[How] = "refused"
HANGING: Final[How] = "hanging"
BROKEN: Final[How] = "broken"
WORDS: Final[dict[Connection, str]] = {KEPT: "on the kept connection", NEW: "on a new connection"}
"""Each connection in words, for people."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one question.

    Attributes:
        detail: more in a few words, without secrets; None when there is no more to say.
    """

    how: How
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One question to a target, and what became of it.

    Attributes:
        asked: epoch seconds when the question began (on a new connection: when opening it began).
        answered: epoch seconds when the answer, or the failure, was known.
    """

    asked: float
    answered: float
    connection: Connection
    how: How
    detail: str | None = None

    @property
    def ok(self) -> bool:
        return self.how == ANSWERED


class Prober(Protocol):
    """Asks a target one question at a time."""

    def ask(self, timeout_s: float) -> Reply:
        """Ask, for `timeout_s` seconds at most (a little more where a thread was not scheduled).

        Never raises because of an unhealthy target.
        """

    def close(self) -> None:
        """Release what it holds; harmless when called twice."""
