"""The modes of the TCP proxy, and the address of its control socket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

# A Unix socket's path has at most 107 bytes on Linux, 103 elsewhere.
_LONGEST_PATH = 103
_LONGEST_S = 86_400


@dataclass(frozen=True, slots=True)
class ProxyMode:
    """Plain, or degraded by latency, by resets, or by both.

    latency_s: seconds added once per round trip: to what the target answers, not to what the client sends. Connecting
        is not delayed: the kernel accepts.
    jitter_s: each delay is drawn evenly from `latency_s - jitter_s` to `latency_s + jitter_s`. Bytes keep their order,
        so one that follows closely may wait for the one before it.
    reset_share: 0 to 1, the probability with which each connection is reset: established ones at once, in the order in
        which they were accepted, then each new one when it is accepted. Each connection is drawn once.
    seed: of both draws.

    Raises ValueError with one sentence when a value makes no sense.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    reset_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network does."""
        if not 0 <= self.latency_s <= _LONGEST_S:
            raise ValueError(f"latency {self.latency_s} s is out of range: give 0 to {_LONGEST_S} s")
        if not 0 <= self.jitter_s <= self.latency_s:
            raise ValueError(f"jitter {self.jitter_s} s is out of range: give 0 s to the latency, {self.latency_s:g} s")
        if not 0 <= self.reset_share <= 1:
            raise ValueError(f"reset share {self.reset_share} is out of range: give 0 to 1")

    def __str__(self) -> str:
        """In words: `plain`, `latency 0.3 s +- 0.05 s`, `reset of 0.5 of connections`."""
        jitter = f" +- {self.jitter_s:g} s" if self.jitter_s else ""
        parts = [f"latency {self.latency_s:g} s{jitter}"] if self.latency_s else []
        parts += [f"reset of {self.reset_share:.6g} of connections"] if self.reset_share else []
        return ", ".join(parts) or "plain"

    def as_line(self) -> bytes:
        """The mode as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ProxyMode:
        """The mode that `as_line` has written; raises ValueError for anything else."""
        try:
            return cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(f"not a mode: {error}") from None


PLAIN = ProxyMode()


@contextmanager
def control_address(path: Path) -> Iterator[str]:
    """The address of the Unix socket at `path`, valid in the `with` block, also if the path is too long for one."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
