"""Client properties that are right or wrong, what is said of wrong ones, and orders put into a topic."""

from __future__ import annotations

import uuid

from confluent_kafka import Producer

from contract.event import EventContract
from contract.order_id import AcknowledgedId
from stores.event_search import find_event
from tests.kafka_secure import SecureKafka
from tests.reconcile.witnesses.witness_data import order_created

WRONG_WORD = "planted-wrong-word"
# What is changed in client properties that are right, and the words that the sentence must hold.
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "password": ({"sasl_password": WRONG_WORD}, "refuses sasl.username or sasl.password (mechanism SCRAM-SHA-512)"),
    "user": ({"sasl_username": "nobody"}, "refuses sasl.username or sasl.password"),
    "ca": ({"ssl_ca_location": "OTHER"}, "signed by no CA that ssl.ca.location OTHER names"),
    "mechanism": ({"sasl_mechanism": "PLAIN"}, "does not take sasl.mechanism PLAIN; it takes SCRAM-SHA-512"),
    "protocol": ({"security_protocol": "SASL_PLAINTEXT"}, "is security.protocol SASL_PLAINTEXT what it speaks?"),
    "plain": ({}, "is security.protocol PLAINTEXT what it speaks?"),
    "no file": ({"ssl_ca_location": "/no/such/ca.pem"}, "ssl.ca.location"),
    "jaas": ({"sasl_jaas_config": "planted-misplaced"}, "JAAS"),
    "no property": ({"sasl_pasword": "planted-misplaced"}, 'No such configuration property: "sasl.pasword"'),
}


def wrong_client(secure: SecureKafka, case: str) -> tuple[dict[str, str], str]:
    changes, words = WRONG[case]
    other = str(secure.broker.certificates.other_ca)
    changes = {name: other if value == "OTHER" else value for name, value in changes.items()}
    return (secure.plain() if case == "plain" else secure.client(**changes)), words.replace("OTHER", other)


def assert_clear(said: str, words: str, secure: SecureKafka) -> None:
    """One sentence, on one line, that names the option and holds no secret."""
    assert words in said
    assert said.count("--kafka-config") == 1, said
    assert len(said.splitlines()) == 1
    for secret in (secure.password, WRONG_WORD, "planted"):
        assert secret not in said


def put(secure: SecureKafka, topic: str, *orders: tuple[uuid.UUID, uuid.UUID]) -> None:
    producer = Producer({**secure.client()})
    for order, customer in orders:
        producer.produce(topic, key=str(order), value=order_created(order, customer))
    assert producer.flush(20) == 0


def seen(client: dict[str, str], topic: str, order: uuid.UUID, timeout_s: float) -> bool:
    return find_event(
        client,
        topic,
        dict.fromkeys(range(3), 0),
        EventContract(reference=True),
        AcknowledgedId(str(order), order.bytes),
        customer="nobody",
        timeout_s=timeout_s,
    ).found
