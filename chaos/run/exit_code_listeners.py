"""Exit codes that other listeners and plugins of Locust ask for, each with its source.

Locust 2.47 lets any code set `environment.process_exit_code`, calls the listeners of `quitting` last-registered first,
lets a listener's `sys.exit` end the process without its own shutdown, and ignores a listener that raises once an exit
code is set. So each assignment is recorded where it happens, each listener runs inside a wrapper, and our own last
steps run after all other listeners, whenever those were registered.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, Protocol

import gevent
from locust import log as locust_log
from locust.env import Environment
from locust.event import EventHook, Events
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

_FLOW: Final = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
_leave: Final = os._exit
_UNKNOWN: Final = "code outside of the listeners"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that makes the exit code worse than our own.

    Attributes:
        source: module, function and line of the listener where they can be found.
        what: what it did, in a few words.
    """

    source: str
    what: str

    def __str__(self) -> str:
        return f"{self.source} {self.what}"


class LastSteps(Protocol):
    """The last steps of the process; see `chaos.run.process_end.ProcessEnd`."""

    @property
    def is_over(self) -> bool:
        """Whether all steps are done."""

    @property
    def code(self) -> int:
        """The exit code so far."""

    def at_exit(self) -> None:
        """Do the steps that are not yet done."""


class Listeners:
    """Watches the listeners of one Locust process; collects complaints, each once, in order.

    Attributes:
        ended: what ended the process by `sys.exit` or `os._exit`, None without one.
        ending: the last steps of the process; None while there are none.
    """

    def __init__(self) -> None:
        self.ended: Complaint | None = None
        self.ending: LastSteps | None = None
        self._last_step: gevent.Greenlet | None = None
        self._new: list[Complaint] = []
        self._known: set[Complaint] = set()

    @property
    def complained(self) -> bool:
        return bool(self._known)

    def take(self) -> list[Complaint]:
        if locust_log.unhandled_greenlet_exception and not self._known:
            self.note(Complaint(_UNKNOWN, "raised an exception (see the log)"))
        new, self._new = self._new, []
        return new

    def note(self, complaint: Complaint) -> None:
        """Collect `complaint` unless it is known."""
        if complaint not in self._known:
            self._known.add(complaint)
            self._new.append(complaint)

    def watch(self, events: Events) -> None:
        """Wrap every listener of `events` from now on, later ones included."""
        self._watch_os_exit()
        hooks: list[Any] = [hook for hook in vars(events).values() if type(hook) is EventHook]
        for hook in hooks:
            hook.__class__ = _WatchedHook
            hook.listeners, hook.at_end = self, None

    def at_end(self, hook: Any, step: Callable[[], None]) -> None:
        """Call `step` after the last listener of a watched `hook`, even if one of them raised."""
        hook.at_end = step

    def watch_exit_code(self, environment: Any) -> None:
        """Record each exit code that is set on `environment` from now on, and one that was set before."""
        before = environment.process_exit_code
        environment.__class__ = _WatchedEnvironment
        environment.listeners = self
        if before:
            self.note(Complaint(_UNKNOWN, f"set the exit code {before!r}"))

    def _watch_os_exit(self) -> None:
        """Make `os._exit` of this process take our last steps first, and end with our exit code."""
        ours, hub = os.getpid(), gevent.get_hub()

        def watched(status: int) -> NoReturn:
            ending = self.ending
            if os.getpid() != ours or ending is None:
                leave(status)  # a forked child, or a process without a run
            if not ending.is_over:
                self.ended = Complaint(_place(sys._getframe(0).f_back), f"called os._exit({status!r})")
                if status:
                    self.note(self.ended)
                # Another thread, or the loop itself, cannot wait for a greenlet.
                if gevent.get_hub() is hub and gevent.getcurrent() is not hub:
                    # In a greenlet of its own: a user's greenlet is killed when the load stops.
                    self._last_step = self._last_step or gevent.spawn(ending.at_exit)
                    self._last_step.join()
            leave(ending.code)

        vars(os)["_exit"] = watched

    def call(self, listener: Callable[..., Any], ends: bool, /, **given: Any) -> None:
        """Call `listener`.

        Args:
            ends: the process is ending: a `sys.exit` of one listener must not skip the others.
        """
        try:
            listener(**given)
        except SystemExit as end:
            self.ended = Complaint(_name(listener), f"called sys.exit({'' if end.code is None else repr(end.code)})")
            if end.code:
                self.note(self.ended)
            if not ends:
                raise
        except _FLOW:
            raise
        except BaseException as error:
            # During a run, a killed user greenlet raises a `BaseException`.
            if ends or isinstance(error, Exception):
                self.note(Complaint(_name(listener), f"raised {type(error).__name__}"))
            raise


def leave(code: int) -> NoReturn:
    """End the process at once."""
    _leave(code)


def set_exit_code(environment: Environment, code: int) -> None:
    vars(environment)["process_exit_code"] = code


class _WatchedEnvironment(Environment):
    """Locust's environment; records who sets the exit code."""

    listeners: Listeners

    @property
    def process_exit_code(self) -> int | None:
        code: int | None = vars(self).get("process_exit_code")
        return code

    @process_exit_code.setter
    def process_exit_code(self, code: int | None) -> None:
        vars(self)["process_exit_code"] = code
        if code:
            self.listeners.note(Complaint(_place(sys._getframe(0).f_back), f"set the exit code {code!r}"))


class _WatchedHook(EventHook):
    """One of Locust's events; its listeners run inside a wrapper."""

    listeners: Listeners
    at_end: Callable[[], None] | None

    def fire(self, *, reverse: bool = False, **given: Any) -> None:
        once: Any = EventHook()  # type: ignore[no-untyped-call]
        ends = self.at_end is not None
        for listener in self._handlers:
            once.add_listener(partial(self.listeners.call, listener, ends))
        try:
            once.fire(reverse=reverse, **given)
        finally:
            if self.at_end is not None:
                self.at_end()


def _place(frame: FrameType | None) -> str:
    if frame is None:  # a greenlet whose only function this is
        return _UNKNOWN
    code = frame.f_code
    return _named(frame.f_globals.get("__name__"), code.co_qualname, code.co_filename, frame.f_lineno)


def _name(listener: Callable[..., Any]) -> str:
    function = getattr(listener, "__func__", listener)
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", type(listener).__qualname__)
    if code is None:
        return _named(getattr(listener, "__module__", None), name, "", 0)
    return _named(getattr(function, "__module__", None), name, code.co_filename, code.co_firstlineno)


def _named(module: object, name: str, file: str, line: int) -> str:
    where = f" ({Path(file).name}:{line})" if file else ""
    return f"{module or 'unknown'}.{name}{where}"
