"""What other listeners and plugins of Locust ask of the process's exit code, each with its source.

Locust 2.47 lets any code set `environment.process_exit_code`, calls the listeners of `quitting` last-registered first,
lets a listener's `sys.exit` end the process without its own shutdown, and forgets a listener that raises as soon as an
exit code is set. So each assignment is noted where it happens, each listener is called under watch, and our own steps
at the end come after the listeners of everybody else, whenever those were registered.
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


class Ends(Protocol):
    """What is done at the process's end; see `chaos.run.process_end.Ending`."""

    @property
    def is_over(self) -> bool:
        """Whether all is done and printed."""

    @property
    def code(self) -> int:
        """The exit code as far as it is known."""

    def at_exit(self) -> None:
        """Do now what is to be done then."""


class Listeners:
    """Watches the listeners of one Locust process; collects complaints, each once, in order.

    Attributes:
        ended: what ended the process by `sys.exit` or `os._exit`, None without one.
        ending: what is done at the process's end; None as long as there is nothing to do.
    """

    def __init__(self) -> None:
        self.ended: Complaint | None = None
        self.ending: Ends | None = None
        self._last_step: gevent.Greenlet | None = None
        self._new: list[Complaint] = []
        self._known: set[Complaint] = set()

    @property
    def complained(self) -> bool:
        """Whether there was any complaint so far."""
        return bool(self._known)

    def take(self) -> list[Complaint]:
        """Return the complaints since the last call."""
        if locust_log.unhandled_greenlet_exception and not self._known:
            self.note(Complaint(_UNKNOWN, "raised an exception (see the log)"))
        new, self._new = self._new, []
        return new

    def note(self, complaint: Complaint) -> None:
        """Collect `complaint` unless it is known already."""
        if complaint not in self._known:
            self._known.add(complaint)
            self._new.append(complaint)

    def watch(self, events: Events) -> None:
        """Call every listener of `events` under watch from now on, those that are registered later included."""
        self._watch_os_exit()
        hooks: list[Any] = [hook for hook in vars(events).values() if type(hook) is EventHook]
        for hook in hooks:
            hook.__class__ = _WatchedHook
            hook.listeners, hook.at_end = self, None

    def at_end(self, hook: Any, step: Callable[[], None]) -> None:
        """Take `step` after the last listener of a watched `hook`, whatever became of them."""
        hook.at_end = step

    def watch_exit_code(self, environment: Any) -> None:
        """Note each exit code that is set on `environment` from now on, and one that was set before."""
        before = environment.process_exit_code
        environment.__class__ = _WatchedEnvironment
        environment.listeners = self
        if before:
            self.note(Complaint(_UNKNOWN, f"set the exit code {before!r}"))

    def _watch_os_exit(self) -> None:
        """Let `os._exit` of this process end it with our own exit code from now on, after what is done at its end."""
        ours, hub = os.getpid(), gevent.get_hub()

        def watched(status: int) -> NoReturn:
            ending = self.ending
            if os.getpid() != ours or ending is None:
                leave(status)  # a child that was forked, or a run that is none of ours
            if not ending.is_over:
                self.ended = Complaint(_place(sys._getframe(0).f_back), f"called os._exit({status!r})")
                if status:
                    self.note(self.ended)
                # In another thread, or in the loop itself, nothing of gevent can be waited for.
                if gevent.get_hub() is hub and gevent.getcurrent() is not hub:
                    # In a greenlet of its own: that of a user is killed when the load stops.
                    self._last_step = self._last_step or gevent.spawn(ending.at_exit)
                    self._last_step.join()
            leave(ending.code)

        vars(os)["_exit"] = watched

    def call(self, listener: Callable[..., Any], ends: bool, /, **given: Any) -> None:
        """Call `listener`.

        Args:
            listener: of anybody.
            ends: the process ends anyway: a `sys.exit` of one listener must not keep the others from being called.
            given: what the event hands to it.
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
            # Within a run a user's greenlet that is killed shows as one that is no `Exception`.
            if ends or isinstance(error, Exception):
                self.note(Complaint(_name(listener), f"raised {type(error).__name__}"))
            raise


def leave(code: int) -> NoReturn:
    """End the process at once."""
    _leave(code)


def set_exit_code(environment: Environment, code: int) -> None:
    """Set the exit code of the process ourselves."""
    vars(environment)["process_exit_code"] = code


class _WatchedEnvironment(Environment):
    """Locust's environment; knows who sets the exit code."""

    listeners: Listeners

    @property
    def process_exit_code(self) -> int | None:
        """See Locust."""
        code: int | None = vars(self).get("process_exit_code")
        return code

    @process_exit_code.setter
    def process_exit_code(self, code: int | None) -> None:
        vars(self)["process_exit_code"] = code
        if code:
            self.listeners.note(Complaint(_place(sys._getframe(0).f_back), f"set the exit code {code!r}"))


class _WatchedHook(EventHook):
    """One of Locust's events; its listeners are called under watch."""

    listeners: Listeners
    at_end: Callable[[], None] | None

    def fire(self, *, reverse: bool = False, **given: Any) -> None:
        """See Locust."""
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
    if frame is None:  # a greenlet that does nothing else
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
