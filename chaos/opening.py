"""Opens a run: room on disk, the system under test in the wanted state, preflight, and only then anything written."""

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gevent

from chaos.actor import Actor
from chaos.addresses import canonical
from chaos.house import House, Load
from chaos.limits import Limits
from chaos.plan import Plan
from chaos.preflight import Check, Preflight, PreflightError
from chaos.recording import Recording
from chaos.restoring import places, restore
from chaos.subject import Subject
from chaos.targets import TargetError
from chaos.topic import TopicError, topic_ends
from chaos.watchdog.atwork import Progress, Work
from chaos.watchdog.client import Watchdog, WatchdogGone
from chaos.watchdog.keeper import LEASE
from chaos.watchdog.liveness import will_be_free
from chaos.watchdog.orders import BUSY, Arm, Refusal
from health.spec import sql_address
from runlog.facts import TopicStart
from runlog.folder import check_runs_dir
from runlog.settings import Settings
from stack.lease import Lease

log = logging.getLogger("chaos")

# What a run writes at the least, and per attempt: ledger, witnesses and reports together, generously.
FIXED_BYTES: Final = 20 * 2**20
BYTES_PER_ORDER: Final = 1000
QUESTION_S: Final = 5.0
# The lookout's longest question: an outage's edges are only known to it, so it must stay far below a short outage.


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Everything that one run works with.

    Attributes:
        subject: the system under test.
        recording: what is written.
        load: what sends the orders.
        actor: what has the target broken and mended.
        watchdog: in whose charge the target is.
    """

    subject: Subject
    recording: Recording
    load: Load
    actor: Actor
    watchdog: Watchdog


def open_run(house: House, settings: Settings, texts: dict[str, str], plan: Plan) -> OpenRun:
    """Return a run that is ready to begin; its target is in the watchdog's charge.

    Raises:
        FolderError: there is no room for it.
        PreflightError: a check failed; nothing was broken and nothing written.
    """
    need = FIXED_BYTES + int(settings.rate * plan.load_seconds * BYTES_PER_ORDER)
    check_runs_dir(Path(settings.runs_dir), need)
    subject = house.prepare(settings)
    watchdog = house.watchdog
    heal_earlier(subject, settings, later=bool(plan.outages))
    if plan.outages:
        put_in_charge(watchdog, subject, settings)
    try:
        proven = Preflight(subject, plan, _tell).run()
        recording = Recording(settings, subject, _start_of(subject), proven, texts)
    except BaseException:
        release(watchdog)
        raise
    shown = Path(settings.runs_dir) / recording.folder.run_id
    log.info("run %s: all its files are in %s", recording.folder.run_id, shown)
    actor = Actor(
        hand=watchdog,
        watch=recording.watch,
        clock=recording.clock,
        mark=recording.mark,
        run_id=recording.folder.run_id,
        marks=recording.folder.marks,
        edge_timeout=plan.edge_timeout,
    )
    return OpenRun(subject, recording, house.open_load(settings, subject, recording), actor, watchdog)


def _start_of(subject: Subject) -> TopicStart:
    """Return where the topic ends now."""
    try:
        start = topic_ends(subject.kafka, subject.topic, QUESTION_S)
    except TopicError as error:
        raise PreflightError(f"topic {subject.topic}: {error}") from None
    if start is None:
        raise PreflightError(f"topic {subject.topic}: it was there a moment ago and is gone; who removed it?")
    return start


def heal_earlier(subject: Subject, settings: Settings, *, later: bool) -> None:
    """Heal what an earlier run left broken of this system, under another target perhaps.

    Args:
        subject: the system under test.
        settings: of the run.
        later: whether the watchdog will heal the target of this run, with the commands of this run.

    Raises:
        PreflightError: it is not proven back; the message says which run broke it, and when.
    """
    addresses = _parts_asked(subject)
    for place in places():
        left = place.fault
        if left is None or left.recipe is None or (later and place.folder == subject.state_dir):
            continue
        if left.recipe.stack_home or canonical(left.recipe.address) not in addresses:
            continue
        try:
            done = restore(place, Limits(settings.command_timeout, settings.fault_timeout), line=log.info)
        except TargetError as error:
            raise PreflightError(f"{left.tell()} is not healed: {error}") from None
        log.warning("preflight: %s", done)


def _parts_asked(subject: Subject) -> set[str]:
    """Return where broker, database and service are asked, each in one spelling."""
    service = {subject.service_url, subject.health_url or subject.service_url}
    with suppress(ValueError):  # a connection string that is none: the preflight says so
        service.add(sql_address(subject.database_url))
    return {canonical(address) for address in (*service, subject.kafka["bootstrap.servers"])}


def put_in_charge(watchdog: Watchdog, subject: Subject, settings: Settings) -> None:
    """Have the watchdog take the target's lease and heal what an earlier run may have left broken there.

    A watchdog of a harness that has died is waited for while it heals, and taken over if it is frozen.

    Raises:
        PreflightError: another run uses the target, or what was left broken is not proven back.
    """
    arm = Arm(
        harness=os.getpid(),
        target=subject.spec,
        probe=subject.probe,
        recipe=subject.recipe,
        folder=str(subject.state_dir),
        max_outage=settings.max_outage,
        limits=Limits(settings.command_timeout, settings.fault_timeout),
    )
    lease = Lease(subject.state_dir / LEASE)
    begun = time.monotonic()
    progress = Progress(log.info)
    while True:
        try:
            watchdog.start()
            healed = watchdog.arm(arm)
            break
        except (Refusal, WatchdogGone) as error:
            waited = Work(
                f"preflight: watchdog {lease.holder()} of a harness that has died still heals this target",
                time.monotonic() - begun,
                arm.limits.healing,
            )
            busy = isinstance(error, Refusal) and error.why == BUSY
            if not busy or waited.seconds >= waited.limit or not will_be_free(lease):
                raise PreflightError(f"target: {error}") from None
            progress(waited)
            gevent.sleep(0.2)
    if healed is not None:
        log.warning("preflight: healed %s", healed)


def release(watchdog: Watchdog) -> None:
    """Take the target out of the watchdog's charge; one that is gone has let go of it already."""
    try:
        watchdog.disarm()
    except (Refusal, WatchdogGone) as error:
        log.warning("%s", error)


def _tell(check: Check) -> None:
    log.info("preflight: %s ok (%s)", check.name, check.detail)
