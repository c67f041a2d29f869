"""The topic of a run on a real broker: found by its id alone."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from runlog.facts import TopicStart
from stack.delete_topic import is_there
from stack.errors import StackError
from tests.conftest import Infra

pytestmark = pytest.mark.real


def test_a_topic_whose_id_the_run_did_not_record_is_not_deleted(infra: Infra) -> None:
    with pytest.raises(StackError, match="the run did not record its id"):
        is_there(infra.kafka_bootstrap, TopicStart(infra.new_topic(1), None, {0: 0}))


def topic_id(infra: Infra, topic: str) -> str:
    client = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})
    return str(client.describe_topics(TopicCollection([topic]))[topic].result(10).topic_id)
