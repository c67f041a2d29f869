"""How the target of a fault was seen: asked over and over, on a connection kept from before and on new ones.

A fault is proven when nobody is served any more, neither a client that was there before nor one that comes now; and
mended when both are served again. `offsets.jsonl` tells of the topic, whatever is broken; `probes.jsonl` tells of the
target, be it broker, database or service. One JSON object a line: `asked` and `answered` in epoch seconds,
`connection`, `how`, and `detail` where there is more to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec

from files.json_lines import read_whole_lines

Connection = Literal["kept", "new"]
"""`kept`: one that was open before; when it is lost, whatever its holder opens in its place. `new`: one of its own for
each question."""

How = Literal["answered", "refused", "hanging", "broken"]
"""`answered`: completely, in time. `refused`: nobody takes the connection, or somebody takes it only to say no.
`hanging`: nothing (complete) came in time. `broken`: the connection ended, or what came is no answer."""

KEPT: Final[Connection] = "kept"
NEW: Final[Connection] = "new"
CONNECTIONS: Final[tuple[Connection, ...]] = get_args(Connection)
ANSWERED: Final[How] = "answered"
REFUSED: Final[How] = "refused"
HANGING: Final[How] = "hanging"
BROKEN: Final[How] = "broken"
WORDS: Final[dict[Connection, str]] = {"kept": "on the kept connection", "new": "on a new connection"}
"""Each connection in words, for people."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One question to the target.

    Attributes:
        asked: epoch seconds when the question began (on a new connection: when opening it began).
        answered: epoch seconds when the answer, or the failure, was known.
        connection: on which connection it was asked.
        how: what became of it.
        detail: more in a few words, without secrets; None when there is no more to say.
    """

    asked: float
    answered: float
    connection: Connection
    how: How
    detail: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the target answered."""
        return self.how == ANSWERED

    def line(self) -> str:
        """Return the probe result as one line of the probes file."""
        record: dict[str, object] = {"asked": round(self.asked, 6), "answered": round(self.answered, 6)}
        record |= {"connection": self.connection, "how": self.how}
        if self.detail is not None:
            record["detail"] = self.detail
        return msgspec.json.encode(record).decode()

    @classmethod
    def parse(cls, line: str) -> "ProbeResult":
        """Return the probe result that `line()` wrote.

        Raises:
            msgspec.ValidationError: the line is no probe result; a ValueError.
            msgspec.DecodeError: the line is not even JSON, it was cut short; a ValueError.
        """
        return _AS_JSON.decode(line)


_AS_JSON = msgspec.json.Decoder(ProbeResult)


def read_probe_results(path: Path) -> list[ProbeResult]:
    """Return the results in a file in order; a line that was cut short is left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a whole line is no probe result.
    """
    return read_whole_lines(path, _AS_JSON.decode)


def on(probe_results: Iterable[ProbeResult], connection: Connection) -> list[ProbeResult]:
    """Return those of `connection`, in order."""
    return [seen for seen in probe_results if seen.connection == connection]
