"""The harness's client of the monitor process: starts it, reads its observations, waits for its proofs, stops it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import gevent
import msgspec

from chaos.monitor.monitor import MonitorConfig
from chaos.monitor.probe_history import ProbeHistory
from files.line_process import LineProcess
from health.effect import Effect
from health.patience import LONGEST_S
from health.replies import CONNECTIONS, Connection, ProbeResult
from health.state import Proof, not_back, not_proven, prove, prove_back
from health.state_now import StateNow, state_now
from runlog.offsets import Observation

_Found = TypeVar("_Found")
POLL_S: Final = 0.02
# Longer than a question to a slow target may take.
SILENT_S: Final = LONGEST_S + 2.0


class NotProven(Exception):
    """What was awaited was not observed in time; the message names it."""


@dataclass(slots=True)
class Activity:
    """The latest observation of the monitor.

    Attributes:
        own: new events of the run since it began to follow the topic; None before.
        own_changed: epoch seconds at which `own` last grew.
    """

    last: Observation | None = None
    own: int | None = None
    own_changed: float | None = None


class MonitorClient:
    """A running monitor.

    Args:
        config: sent to it on standard input, secrets included.
        log: file for its standard error.

    Attributes:
        effect: what the fault must make of the target's answers; with their usual time once that is learnt.
    """

    def __init__(self, config: MonitorConfig, log: Path) -> None:
        self.activity = Activity()
        self.trouble: str | None = None
        self._why: str | None = None
        self._config = config
        self.effect = config.effect
        self._results = {each: ProbeHistory(self._shows) for each in CONNECTIONS}
        self._offsets_seen = False
        self._log = log
        self._heard = time.monotonic()
        self._process, self._reader = self._start()

    def _start(self) -> tuple[LineProcess, gevent.Greenlet]:
        process = LineProcess("chaos.monitor", log=self._log)
        _send(process, self._config.dump())
        self._heard = time.monotonic()
        return process, gevent.spawn(self._read, process)

    @property
    def alive(self) -> bool:
        return self._process.alive

    def await_answer(self, timeout_s: float) -> None:
        """Wait until the broker has answered the monitor, and the target on both connections.

        Raises:
            NotProven: not within `timeout_s` seconds.
        """
        self._await(
            lambda: self._offsets_seen and all(any(s.ok for s in seen) for seen in self._seen().values()),
            timeout_s,
            f"answers of the {' and the '.join(dict.fromkeys(('broker', self._config.target)))} to the monitor",
            lambda: not_back(self.effect, self._seen(), 0.0),
        )

    def learn_usual(self) -> Effect:
        """Return the effect of the fault with the usual time of an answer, as observed until the first call."""
        if not self.effect.usual_s:
            self.effect = self.effect.after(self._seen())
        return self.effect

    def await_effect(self, since: float, timeout_s: float, give_up: Callable[[], str | None] = lambda: None) -> Proof:
        """Wait until the fault is proven by its effect, on a connection from before and on a new one.

        Args:
            since: epoch seconds; earlier observations alone prove nothing.
            timeout_s: longest wait in seconds.
            give_up: returns why there is nothing to wait for any more, None while there is.

        Raises:
            NotProven: it had another effect, or none; the message says on which connection.
        """
        return self._await(
            lambda: prove(self.effect, self._seen(), since),
            timeout_s,
            f"the {self._config.target} {self.effect.awaited}",
            lambda: not_proven(self.effect, self._seen(), since),
            give_up,
        )

    def await_back(self, since: float, timeout_s: float) -> Proof:
        """Wait until the target is proven back: a kept connection (or the one in its place) and a new one are as usual.

        Raises:
            NotProven: it was not back within `timeout_s` seconds; the message says on which connection.
        """
        awaited = "to answer again" if self.effect.state == "down" else "to answer as usual again"
        return self._await(
            lambda: prove_back(self.effect, self._seen(), since),
            timeout_s,
            f"the {self._config.target} {awaited}",
            lambda: not_back(self.effect, self._seen(), since),
        )

    def follow(self) -> None:
        """Make it count new events of the run from now on.

        Raises:
            NotProven: it is gone.
        """
        _send(self._process, "tail")

    def state(self, since: float) -> StateNow:
        """Return in which state the target is now.

        Args:
            since: epoch seconds when injection, or healing, last began.
        """
        return state_now(self.effect, self._seen(), self._config.clock.now(), since)

    @property
    def silent_s(self) -> float:
        """Seconds since its last line; it sends many a second, whether the broker answers or not."""
        return time.monotonic() - self._heard

    def ensure_running(self) -> None:
        """Replace it if it has ended or fallen silent: what is healed must still be proven.

        What happened meanwhile stays unknown, and guards report that.
        """
        if self.alive and self.silent_s < SILENT_S:
            return
        self.close(timeout_s=0.5)
        self._process, self._reader = self._start()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the process by closing its input, or by force if that takes longer than `timeout_s` seconds."""
        self._process.close(timeout_s)
        self._reader.join(timeout=timeout_s)

    def _shows(self, one: ProbeResult) -> bool:
        return self.effect.shows(one)  # the effect with the usual time of an answer, once that is learnt

    def _seen(self) -> dict[Connection, list[ProbeResult]]:
        return {connection: list(seen) for connection, seen in self._results.items()}

    def _read(self, process: LineProcess) -> None:
        for line in process.lines():
            record = json.loads(line)
            if "refused" in record:
                self._why = record["refused"]
                continue
            self._heard = time.monotonic()
            self.trouble = self.trouble or record["trouble"]
            if "probe" in record:
                result = msgspec.convert(record["probe"], ProbeResult)
                self._results[result.connection].append(result)
                continue
            seen = msgspec.convert(record["seen"], Observation, str_keys=True)
            self._offsets_seen = self._offsets_seen or seen.ok
            self._why = record["why"]
            if record["own"] != self.activity.own:
                self.activity.own, self.activity.own_changed = record["own"], seen.answered
            self.activity.last = seen

    def _await(
        self,
        proof: Callable[[], _Found | None],
        timeout_s: float,
        awaited: str,
        why: Callable[[], list[str]],
        give_up: Callable[[], str | None] = lambda: None,
    ) -> _Found:
        deadline = time.monotonic() + timeout_s
        while not (found := proof()):
            if reason := give_up():
                raise NotProven(f"stopped waiting for {awaited}: {reason}")
            if not self.alive:
                self._reader.join(timeout=SILENT_S)  # its last lines may still be unread
                raise NotProven(f"the monitor process ended while it waited for {awaited}{self._said_why()}")
            if time.monotonic() >= deadline:
                if self.silent_s >= SILENT_S:
                    raise NotProven(
                        f"the monitor was silent for {self.silent_s:.0f} s, so it could not observe {awaited}"
                    )
                last = self.activity.last
                said = why() or [f"last answer to the monitor: {last.error or 'offsets' if last else 'none'}"]
                more = [self._why] if self._why and not any(self._why in one for one in said) else []
                raise NotProven(f"timed out after {timeout_s:g} s waiting for {awaited}: {'; '.join([*said, *more])}")
            gevent.sleep(POLL_S)
        return found

    def _said_why(self) -> str:
        return f": {self._why}" if self._why else ""


def _send(process: LineProcess, line: str) -> None:
    try:
        process.send(line)
    except OSError as error:
        raise NotProven(f"the monitor process is gone: {error.strerror}") from None
