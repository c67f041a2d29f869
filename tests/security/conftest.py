"""A Kafka that requires a password and a certificate, and a shop beside it, for the tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.external.conftest import open_shop, start_external
from tests.kafka_secure import SecureKafka, secure_kafka

__all__ = ["open_shop", "start_external"]


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    yield from secure_kafka(tmp_path_factory.mktemp("secure") / "kafka")


@pytest.fixture
def topic(secure: SecureKafka) -> str:
    return secure.new_topic()
