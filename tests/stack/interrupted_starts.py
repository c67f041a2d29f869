"""Strikes the start of processes with KeyboardInterrupt, again and again; run by `test_strays` in a process of its own.

Under `python -m gevent.monkey` the strike comes from the event loop, else from a signal. Arguments: home, number of
strikes, seconds by which each strike comes later than the one before. Ends what `stack.orphans` finds, as
`EmbeddedStack` does, and prints how many starts were struck and how many were not.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from stack import orphans, process
from stack.process import Launch
from stack.spawn import spawn

MOST_DOUBLINGS = 10


def strike_by_signal(delay_s: float) -> Callable[[], object]:
    """Raise KeyboardInterrupt in this thread after `delay_s` seconds; the result calls it off."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, delay_s)
    return lambda: signal.setitimer(signal.ITIMER_REAL, 0)


def strike_by_hub(delay_s: float) -> Callable[[], object]:
    """Throw KeyboardInterrupt into this greenlet after `delay_s` seconds, as `chaos.run.signal_handler` does."""
    import gevent
    import greenlet

    timer = gevent.get_hub().loop.timer(delay_s)
    timer.start(greenlet.getcurrent().throw, KeyboardInterrupt(), update=True)
    return timer.stop  # type: ignore[no-any-return]


def main(home: Path, strikes: int, step_s: float) -> None:
    """Start and strike, `strikes` times."""
    strike_after = strike_by_hub if "gevent" in sys.modules else strike_by_signal
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    launch = Launch(sleeper, home, home / "x.log", orphans.mark(home, "service"))
    struck = whole = 0
    # On a busy machine no start may be done within the planned delays: then on with longer ones, until one is.
    delays = [step_s * number for number in range(1, strikes + 1)]
    delays += [delays[-1] * 2**power for power in range(1, MOST_DOUBLINGS)]
    for number, delay_s in enumerate(delays, 1):
        if number > strikes and whole:
            break
        try:
            call_off = strike_after(delay_s)
            spawn(launch)
            call_off()
            whole += 1
        except KeyboardInterrupt:
            struck += 1
        orphans.end(orphans.find(home, [], lambda: []))
        left = [child.pid for child in psutil.Process().children() if process.start_time(child.pid) is not None]
        if left:  # between fork and exec it carries no mark yet: no sweep would see it
            sys.exit(f"strike {number} left {left}")
    sys.stdout.write(f"{struck} {whole}\n")


main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
