"""A target of the test's own, and a fault controller that owns it."""

from pathlib import Path

from chaos.faults.fault import Fault, Undo
from chaos.faults.journal import JOURNAL, Journal
from chaos.faults.limits import Limits
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.protocol import Arm, Break
from health.spec import ProbeRecipe, ProbeSpec
from health.state import Proof
from runlog.clock import AnchoredClock
from runlog.marks import Mark, MarksWriter, read_marks
from tests.http_server import QuietHandler

SPEC = TargetSpec("process", "service", {"home": "nowhere"})
DOWN = Proof((1.0, 2.0), {"kept": "broken", "new": "refused"})
UP = Proof((3.0, 4.0), {"kept": "answered", "new": "answered"})
ALL_MARKS = ["injecting", "injected", "healing", "healed"]


class Server:
    """A service that answers while its target is up."""

    def __init__(self) -> None:
        self.up = True
        self.did: list[str] = []
        self.trouble: str | None = None
        self.journal: Path | None = None
        outer = self

        class Health(QuietHandler):
            def do_GET(self) -> None:
                self.say(200 if outer.up else 503)

        self.health = Health
        self.url = ""

    # The target.
    component = "service"
    identity = "the test's service"
    faults = ("stop",)

    def describe(self) -> str:
        return "service (the test's)"

    def is_up(self) -> bool:
        return self.up

    def prepare(self, fault: Fault) -> Undo:
        return {"was": "up"}

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        assert self.journal is not None
        assert self.journal.exists(), "the journal comes before the act"
        self.did.append("break")
        self.up = False

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        assert undo == {"was": "up"}
        self.did.append("heal")
        if self.trouble:
            raise TargetError(self.trouble)
        self.up = True


class Stage:
    """A fault controller that owns the server."""

    def __init__(self, server: Server, folder: Path, max_outage: float = 60.0) -> None:
        server.journal = folder / JOURNAL
        self.server, self.folder = server, folder
        self.journal = Journal(folder / JOURNAL)
        self.marks = folder / "marks.jsonl"
        MarksWriter(self.marks).close()
        self.clock = AnchoredClock.anchor()
        probe, recipe = ProbeSpec("http", server.url), ProbeRecipe("http", server.url)
        self.arm = Arm(4711, SPEC, probe, recipe, str(folder), max_outage, Limits(30.0, 1.0))
        self.controller = FaultController(lambda spec, journal, left: server)

    def break_it(self) -> None:
        clock = self.clock.epoch, self.clock.monotonic
        self.controller.inject(Break("run-1", "stop", 0, clock, str(self.marks)))

    def read(self) -> list[Mark]:
        return read_marks(self.marks) if self.marks.stat().st_size else []

    @property
    def names(self) -> list[str]:
        return [mark.name for mark in self.read()]
