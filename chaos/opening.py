"""Opens a run: room on disk, the system under test in the wanted state, preflight, and only then anything written."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.actor import Actor
from chaos.house import House, Load
from chaos.journal import Journal
from chaos.lookout import TIMEOUT_S
from chaos.plan import Plan
from chaos.preflight import Check, Preflight, PreflightError
from chaos.recording import Recording
from chaos.subject import Subject
from chaos.topic import TopicError, topic_ends
from runlog.folder import check_runs_dir
from runlog.settings import Settings

log = logging.getLogger("chaos")

# What a run writes at the least, and per attempt: ledger, witnesses and reports together, generously.
FIXED_BYTES: Final = 20 * 2**20
BYTES_PER_ORDER: Final = 1000
QUESTION_S: Final = 5.0
# The lookout's longest question: an outage's edges are only known to it, so it must stay far below a short outage.
LONGEST_QUESTION_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Everything that one run works with.

    Attributes:
        subject: the system under test.
        recording: what is written.
        load: what sends the orders.
        actor: what breaks and mends.
    """

    subject: Subject
    recording: Recording
    load: Load
    actor: Actor


def open_run(house: House, settings: Settings, texts: dict[str, str], plan: Plan, journal: Journal) -> OpenRun:
    """Return a run that is ready to begin.

    Raises:
        FolderError: there is no room for it.
        PreflightError: a check failed; nothing was broken and nothing written.
    """
    need = FIXED_BYTES + int(settings.rate * settings.load_seconds * BYTES_PER_ORDER)
    check_runs_dir(Path(settings.runs_dir), need)
    subject = house.prepare(settings)
    proven = Preflight(subject, plan, journal, _tell).run()
    try:
        asked = time.monotonic()
        start = topic_ends(subject.kafka, subject.topic, QUESTION_S)
        took = time.monotonic() - asked
    except TopicError as error:
        raise PreflightError(f"topic {subject.topic}: {error}") from None
    if start is None:
        raise PreflightError(f"topic {subject.topic}: it was there a moment ago and is gone; who removed it?")
    # A broker of our own answers in milliseconds; one that is far away, or has many partitions, is given its time.
    patience = min(LONGEST_QUESTION_S, max(2 * TIMEOUT_S, took)) if subject.stack == "external" else TIMEOUT_S
    recording = Recording(settings, subject, start, proven, texts, question_s=patience)
    shown = Path(settings.runs_dir) / recording.folder.run_id
    log.info("run %s: everything it leaves behind lies in %s", recording.folder.run_id, shown)
    actor = Actor(
        target=subject.target,
        watch=recording.watch,
        journal=journal,
        clock=recording.clock,
        mark=recording.mark,
        run_id=recording.folder.run_id,
        edge_timeout=plan.edge_timeout,
    )
    return OpenRun(subject, recording, house.open_load(settings, subject, recording), actor)


def _tell(check: Check) -> None:
    log.info("preflight: %s ok (%s)", check.name, check.detail)
