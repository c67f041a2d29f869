"""Interrupts the start of processes by KeyboardInterrupt many times; `test_orphans` runs it as a process of its own.

Under `python -m gevent.monkey` the interrupt comes from the event loop, else from a signal. Arguments: home, number of
interrupts, seconds by which each one comes later than the one before. Ends what `stack.orphans` finds, as
`EmbeddedStack` does, and prints how many starts were interrupted and how many were not.
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


def interrupt_by_signal(delay_s: float) -> Callable[[], object]:
    """Raise KeyboardInterrupt in this thread after `delay_s` seconds; the result cancels it."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, delay_s)
    return lambda: signal.setitimer(signal.ITIMER_REAL, 0)


def interrupt_by_hub(delay_s: float) -> Callable[[], object]:
    """Throw KeyboardInterrupt into this greenlet after `delay_s` seconds, as `chaos.run.signal_handler` does."""
    import gevent
    import greenlet

    timer = gevent.get_hub().loop.timer(delay_s)
    timer.start(greenlet.getcurrent().throw, KeyboardInterrupt(), update=True)
    return timer.stop  # type: ignore[no-any-return]


def main(home: Path, interrupts: int, step_s: float) -> None:
    """Start and interrupt, `interrupts` times."""
    interrupt_after = interrupt_by_hub if "gevent" in sys.modules else interrupt_by_signal
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    if "gevent" in sys.modules:
        script = home / "sleeper"
        script.write_text(f"#!{sys.executable}\nimport time; time.sleep(60)\n", encoding="utf-8")
        script.chmod(0o755)
        sleeper = (str(script), "-c", "a script, which shows its interpreter first")
    launch = Launch(sleeper, home, home / "x.log", {} if "gevent" in sys.modules else orphans.tag(home, "service"))
    interrupted = complete = 0
    # On a busy machine no start may complete within the planned delays: then longer ones follow, until one does.
    delays = [step_s * number for number in range(1, interrupts + 1)]
    delays += [delays[-1] * 2**power for power in range(1, MOST_DOUBLINGS)]
    for number, delay_s in enumerate(delays, 1):
        if number > interrupts and complete:
            break
        try:
            cancel = interrupt_after(delay_s)
            child = spawn(launch)
            cancel()
            complete += 1
            process.kill_tree(child.pid)
        except KeyboardInterrupt:
            interrupted += 1
        orphans.end(orphans.find(home, [], lambda: []))
        left = [child.pid for child in psutil.Process().children() if process.start_time(child.pid) is not None]
        if left:  # between fork and exec it has no tag yet, so no search would find it
            sys.exit(f"interrupt {number} left {left}")
    sys.stdout.write(f"{interrupted} {complete}\n")


main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
