#!/usr/bin/env python3
"""What the compose file asks of Redpanda's image, done by a real Kafka: `redpanda start ...`, `cluster health`.

It is process 1 of its container, as Redpanda is: it passes SIGTERM on to Kafka, and a SIGKILL of it ends both. Port
9644 answers the three questions of the Admin API that the harness asks, from what Kafka itself answers.
"""

import http.server
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

DATA = Path("/var/lib/redpanda/data/kafka")
JAVA = ["/opt/java/bin/java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "/opt/kafka/*"]
# Classes as Java has loaded and linked them once, while the image was made: a start takes half the time.
ARCHIVE = Path("/opt/kafka.aot")
TRAINING_LIMIT_S = 60
LOG = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners={listeners},CONTROLLER://127.0.0.1:9093
advertised.listeners={advertised}
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=true
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
log.cleaner.dedupe.buffer.size=8388608
"""
# ApiVersions, version 0, correlation id 7, no client id: the shortest question that only a serving Kafka answers.
QUESTION = struct.pack(">hhih", 18, 0, 7, -1)


def main(arguments: list[str]) -> int:
    """Do what rpk would do with these arguments."""
    if arguments[:2] == ["cluster", "health"]:
        sys.stdout.write(f"Healthy:                          {'true' if serves() else 'false'}\n")
        return 0
    if arguments[:2] == ["redpanda", "start"]:
        return start(flags(arguments[2:]))
    if arguments == ["class-archive"]:
        return write_class_archive()
    sys.stderr.write(f"this stand-in knows 'redpanda start' and 'cluster health', not {arguments}\n")
    return 2


def flags(arguments: list[str]) -> dict[str, str]:
    """Return `--name=value` arguments by name."""
    return dict(argument[2:].split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument)


def start(given: dict[str, str]) -> int:
    """Run Kafka until it or this process is ended."""
    # Process 1 ignores a signal that it has no handler for, and formatting takes a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configuration = Path("/tmp/server.properties")
    configuration.write_text(
        CONFIGURATION.format(
            listeners=given["kafka-addr"].replace("internal://", "INTERNAL://").replace("external://", "EXTERNAL://"),
            advertised=given["advertise-kafka-addr"]
            .replace("internal://", "INTERNAL://")
            .replace("external://", "EXTERNAL://"),
            data=DATA,
            # Long for a busy machine; one that is started again waits until the session before has expired.
            session=1000 if (DATA / "__cluster_metadata-0").exists() else 9000,
        )
    )
    known = [f"-XX:AOTCache={ARCHIVE}"] if ARCHIVE.exists() else []
    if not (DATA / "meta.properties").exists():
        DATA.mkdir(parents=True, exist_ok=True)
        formatting = [*JAVA, *known, LOG, "kafka.tools.StorageTool", "format", "-t", "c3RhbmQtaW4tYnJva2VyMQ", "-c"]
        subprocess.run([*formatting, str(configuration)], check=True)
    written = given.get("class-archive")
    more = [f"-XX:AOTCacheOutput={written}"] if written else known
    kafka = subprocess.Popen([*JAVA, *more, LOG, "kafka.Kafka", str(configuration)])
    signal.signal(signal.SIGTERM, lambda *_: kafka.terminate())
    server = http.server.ThreadingHTTPServer(("", 9644), Admin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = kafka.wait()
    # Redpanda ends a SIGTERM with 0, Java with 143.
    return 0 if code in (0, 128 + signal.SIGTERM, -signal.SIGTERM) else 1


def write_class_archive() -> int:
    """Run Kafka until it serves, end it orderly, and keep the class archive that its Java writes then."""
    at = "internal://127.0.0.1:9092,external://127.0.0.1:19092"
    started = [sys.executable, __file__, "redpanda", "start", f"--kafka-addr={at}", f"--advertise-kafka-addr={at}"]
    broker = subprocess.Popen([*started, f"--class-archive={ARCHIVE}"])
    limit = time.monotonic() + TRAINING_LIMIT_S
    while not serves() and broker.poll() is None and time.monotonic() < limit:
        time.sleep(0.2)
    broker.terminate()
    code = broker.wait(TRAINING_LIMIT_S)
    shutil.rmtree(DATA)
    return code


def serves() -> bool:
    """Whether Kafka answers a question on its own protocol."""
    try:
        with socket.create_connection(("127.0.0.1", 9092), timeout=2) as way:
            way.settimeout(2)
            way.sendall(struct.pack(">i", len(QUESTION)) + QUESTION)
            return way.recv(8)[4:8] == struct.pack(">i", 7)
    except OSError:
        return False


class Admin(http.server.BaseHTTPRequestHandler):
    """The Admin API's answers, 200 in every state."""

    def do_GET(self) -> None:
        """Answer one of the three questions."""
        up = serves()
        answers = {
            "/v1/status/ready": {"status": "ready" if up else "booting"},
            "/v1/brokers": [{"node_id": 1, "num_cores": 1, "membership_status": "active", "is_alive": up}],
            "/v1/cluster/health_overview": {"is_healthy": up, "controller_id": 1, "all_nodes": [1], "nodes_down": []},
        }
        found = self.path in answers
        body = json.dumps(answers.get(self.path, {"message": "Not found", "code": 404})).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
