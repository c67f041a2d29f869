"""A class archive for the broker's Java, made once: the broker then starts in about two thirds of the time.

The runtime's wheel has no class archive, so every start would parse and link thousands of classes. A training run of
the broker (on data of its own, deleted afterwards) lets the JVM write its ahead-of-time cache (JEP 514), which later
starts map. It is optional: the JVM ignores an archive that does not fit, and the broker starts without one.
"""

import tempfile
import time
from pathlib import Path

from stack import kafka_jars, orphans, ports, process
from stack.errors import StackError
from stack.kafka import Broker, archive_path
from stack.lock import locked
from stack.progress import Progress, Stopwatch, silent
from stack.settings import ServiceSettings
from stack.state_store import StateStore

_LOCK_WAIT_S = 300.0
_READY_TIMEOUT_S = 60.0
_WRITE_TIMEOUT_S = 90.0  # the JVM writes the archive while it ends: 6 s measured


def ensure(cache: Path = kafka_jars.CACHE, progress: Progress = silent) -> None:
    """Fetch and verify the jars if they are missing, then make the archive unless it exists.

    Raises what `kafka_jars.ensure` raises. A failed training run is reported through `progress`, not raised.
    """
    kafka_jars.ensure(cache, progress=progress)
    archive = archive_path(cache)
    if archive.exists():
        return
    with locked(cache.parent / f"{cache.name}.archive.lock", _LOCK_WAIT_S, "the broker's class archive"):
        if archive.exists():
            return
        watch = Stopwatch(progress, "kafka archive", "making")
        try:
            _train(cache, archive)
        except StackError as error:
            watch.done(f"left out, starts take longer ({str(error).splitlines()[0]})")
        else:
            watch.done("made")


def _train(cache: Path, archive: Path) -> None:
    """Run a broker until it answers, stop it orderly, and keep the archive that its JVM writes."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="training-") as scratch:
        store = StateStore(Path(scratch))
        store.begin("class archive", ServiceSettings())
        written = store.home / "broker.aot"
        broker = Broker(store, cache, jvm_options=(f"-XX:AOTCacheOutput={written}",))
        try:
            for _ in broker.prepare():
                time.sleep(process.POLL_S)
            port = ports.choose()
            broker.start_on(port, {"controller_port": ports.choose([port])})
            broker.wait_ready(_READY_TIMEOUT_S)
            broker.stop(_WRITE_TIMEOUT_S)
        finally:
            broker.kill()
            orphans.end(orphans.find(store.home, [store.home], lambda: []))  # interrupted before it was recorded
        if not written.exists():
            raise StackError(f"Java wrote no class archive; its log says:\n{process.log_tail(broker.log_path)}")
        written.replace(archive)
