"""A real Kafka behind SASL_SSL: SCRAM-SHA-512, and a certificate of a CA of the test's own; everything on 127.0.0.1.

No word of its accounts stands on a command line: SCRAM credentials go in salted, the broker's own login in its
configuration file. Beside it is a plain listener, for services that the harness looks at.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from health.check import Health, check_kafka
from stack import kafka_archive, ports, process, spawn
from stack.kafka import CONTROLLER_PORT, LISTENER_PORT, PROXY_PORT, Broker, cluster_id
from stack.ports import HOST
from stack.settings import ServiceSettings
from stack.state_store import StateStore

MECHANISM = "SCRAM-SHA-512"
CERTIFICATES, WORDS = "certificates", "words.json"
USER, BROKER_USER = "harness", "broker"
ITERATIONS = 4096


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: what the broker shows, whom it trusts (itself), and a CA that has signed nothing here."""

    keystore: Path
    ca: Path
    other_ca: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Certificates:
        return cls(folder / "keystore.pem", folder / "ca.pem", folder / "other-ca.pem")

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        import trustme
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            load_pem_private_key,
        )

        folder.mkdir(parents=True, exist_ok=True)
        made = cls.in_folder(folder)
        authority = trustme.CA()
        issued = authority.issue_cert(HOST, "localhost")
        # Kafka reads keys as PKCS #8 only.
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made.keystore.touch(mode=0o600)
        made.keystore.write_bytes(text + b"".join(part.bytes() for part in issued.cert_chain_pems))
        authority.cert_pem.write_to_path(str(made.ca))
        trustme.CA().cert_pem.write_to_path(str(made.other_ca))
        return made


class SecureBroker(Broker):
    """Kafka whose listener for clients is SASL_SSL; it speaks to itself that way too."""

    def __init__(self, store: StateStore, certificates: Certificates, words: dict[str, str]) -> None:
        super().__init__(store)
        self.certificates = certificates
        self._words = words

    @classmethod
    def make(cls, folder: Path, password: str) -> SecureBroker:
        """Make certificates and accounts in `folder`."""
        store = StateStore(folder)
        store.make()
        store.begin("test", ServiceSettings())
        Certificates.make(folder / CERTIFICATES)
        (folder / WORDS).touch(mode=0o600)
        (folder / WORDS).write_text(json.dumps({USER: password, BROKER_USER: secrets.token_hex(16)}))
        return cls.at(folder)

    @classmethod
    def at(cls, folder: Path) -> SecureBroker:
        """The broker that was made in `folder`, also by another process."""
        words = json.loads((folder / WORDS).read_text())
        return cls(StateStore(folder), Certificates.in_folder(folder / CERTIFICATES), words)

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Whether it is one of these that was made in `folder`."""
        return (folder / WORDS).exists()

    @property
    def plain(self) -> str:
        """`host:port` of the plain listener."""
        record = self.record
        assert record is not None
        return f"{HOST}:{record.extra[LISTENER_PORT]}"

    def client(self, **changes: str) -> dict[str, str]:
        """Client properties that are right, with changes."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": USER,
            "sasl.password": self._words[USER],
            "ssl.ca.location": str(self.certificates.ca),
            **changes,
        }

    def prepare(self) -> Iterator[None]:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        configuration = self._data.with_name("format.properties")
        self._write_configuration(configuration, 9092, {CONTROLLER_PORT: 9093}, self._data)
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", str(configuration)]
        for name, word in self._words.items():
            arguments += ["--add-scram", f"{MECHANISM}={_salted(name, word)}"]
        yield from spawn.run_to_end(self._java(tuple(arguments)), "formatting Kafka's storage", 60.0)

    def probe(self, timeout_s: float) -> Health:
        return check_kafka(f"{HOST}:{self.port}", self.client(), timeout_s)

    def _write_configuration(self, path: Path, port: int, extra: Mapping[str, object], log_dirs: Path) -> None:
        super()._write_configuration(path, port, extra, log_dirs)
        text = path.read_text().replace(f"PLAINTEXT://{HOST}:{port}", f"SASL_SSL://{HOST}:{port}")
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        account = f'username="{BROKER_USER}" password="{self._words[BROKER_USER]}"'
        text = text.replace("CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL")
        text = text.replace("inter.broker.listener.name=PLAINTEXT", "inter.broker.listener.name=SASL_SSL")
        text += f"""
sasl.enabled.mechanisms={MECHANISM}
sasl.mechanism.inter.broker.protocol={MECHANISM}
listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config={login} {account};
ssl.keystore.type=PEM
ssl.keystore.location={self.certificates.keystore}
ssl.truststore.type=PEM
ssl.truststore.location={self.certificates.ca}
ssl.client.auth=none
"""
        path.unlink()
        path.touch(mode=0o600)
        path.write_text(text)


def _salted(name: str, word: str) -> str:
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha512", word.encode(), salt, ITERATIONS)
    texts = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"[name={name},iterations={ITERATIONS},salt={texts[0]},saltedpassword={texts[1]}]"


@dataclass(frozen=True)
class SecureKafka:
    """A running one.

    Attributes:
        broker: its process.
        password: of the account that clients use; recognisable.
    """

    broker: SecureBroker
    password: str

    @property
    def folder(self) -> Path:
        """What `tests.external.broker` takes as its home."""
        return self.broker.certificates.ca.parents[1]

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.broker.port}"

    def client(self, **changes: str) -> dict[str, str]:
        """Client properties with `bootstrap.servers`; `changes` with underscores for dots."""
        properties = {name.replace("_", "."): value for name, value in changes.items()}
        return {"bootstrap.servers": self.bootstrap, **self.broker.client(**properties)}

    def plain(self) -> dict[str, str]:
        """A client that knows nothing of TLS."""
        return {"bootstrap.servers": self.bootstrap}

    def config_file(self, folder: Path, **changes: str) -> Path:
        """Write client properties without the address to a private file, as a user would."""
        path = folder / f"client-{uuid.uuid4().hex[:8]}.properties"
        path.touch(mode=0o600)
        properties = {name.replace("_", "."): value for name, value in changes.items()}
        lines = [f"{name}={value}" for name, value in self.broker.client(**properties).items()]
        path.write_text("# a client of the test\n" + "\n".join(lines) + "\n")
        return path

    def new_topic(self, partitions: int = 3) -> str:
        """Create an empty topic and return its name once every partition has its leader."""
        from tests.topics import make_topic

        return make_topic(self.client(), partitions)


def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """Start one in `folder`, and stop it again."""
    kafka_archive.ensure()
    password = f"planted-sasl-{secrets.token_hex(8)}"
    broker = SecureBroker.make(folder, password)
    try:
        for _ in broker.prepare():
            time.sleep(process.POLL_S)
        taken: list[int] = []
        for _ in range(3):
            taken.append(ports.choose(taken))
        port, controller, plain = taken
        broker.start_on(port, {CONTROLLER_PORT: controller, LISTENER_PORT: plain, PROXY_PORT: plain})
        broker.wait_ready(60.0)
        yield SecureKafka(broker, password)
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
