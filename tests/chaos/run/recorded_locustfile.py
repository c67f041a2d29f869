"""Our locustfile without a stack: its run is one that was recorded, judged as any other; `LISTENERS` holds a user's own
listeners, registered as a locustfile's are.

`RECORDED`: folder of the run; where there is none, preflight refuses. `LISTENERS`: Python text.
"""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
from locust import events

import locustfile
from chaos.run import harness
from chaos.run.conductor import Conductor
from chaos.run.plan import RunPhase
from chaos.sut.sut import PreflightError
from locustfile import LoadAndChaos, Orders
from runlog import exit_codes
from runlog.folder import RunFolder
from runlog.marks import Mark, append_mark, read_marks

__all__ = ["LoadAndChaos", "Orders", "events"]
FOLDER = RunFolder(Path(os.environ["RECORDED"]))


def mark_now(name: str, outage: int | None = None, **detail: Any) -> None:
    append_mark(FOLDER.marks, Mark(read_marks(FOLDER.marks)[-1].at, name, outage, detail))


class RecordedRun(Conductor):
    """A run that is over at once."""

    def start(self) -> None:
        run: Any = SimpleNamespace(
            recording=SimpleNamespace(folder=FOLDER, mark_now=mark_now),
            sut=SimpleNamespace(
                stack="external",
                database_url="postgresql://127.0.0.1:1/none",
                kafka={"bootstrap.servers": "127.0.0.1:1"},
            ),
        )
        self._plan_runner.open = run
        self._runner = gevent.spawn(self._judge, run)
        gevent.spawn(self._end)

    def _end(self) -> None:
        assert self._runner is not None
        self._runner.join()
        self.exit_code = exit_codes.strongest(self._codes)
        self.progress.enter(RunPhase.DONE, "")
        self.finished.set()


def refuse(settings: object) -> None:
    raise PreflightError("--topic orders: it does not exist")


def make_system(*_: Any) -> Any:
    return SimpleNamespace(
        open=lambda settings: "http://127.0.0.1:1", close=lambda: None, prepare=refuse, watchdog=None
    )


vars(locustfile).update(make_system=make_system)
if FOLDER.facts.exists():
    vars(harness).update(Conductor=RecordedRun)
exec(compile(os.environ["LISTENERS"], "shop.py", "exec"), globals())  # noqa: S102
