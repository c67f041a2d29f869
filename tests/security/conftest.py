"""A Kafka that lets nobody in without a password and a certificate, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka_secure import SecureKafka, secure_kafka


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    yield from secure_kafka(tmp_path_factory.mktemp("secure") / "kafka")
