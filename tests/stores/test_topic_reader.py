"""A user's own client properties are accepted by the reader's client."""

import pytest
from confluent_kafka import Consumer

from stores import topic_reader
from stores.kafka_client import KafkaProblem, make_consumer

LARGE = {"bootstrap.servers": "127.0.0.1:1", "message.max.bytes": "10000000"}


@pytest.mark.parametrize("tuning", [topic_reader._TUNING, topic_reader._TUNING_FOR_FEW])
def test_a_larger_message_limit_of_the_user_is_kept(tuning: dict[str, object]) -> None:
    consumer = make_consumer(LARGE, topic_reader.fitted(tuning, LARGE))
    assert isinstance(consumer, Consumer)
    consumer.close()


def test_without_that_the_client_would_refuse() -> None:
    with pytest.raises(KafkaProblem, match=r"fetch\.max\.bytes"):
        make_consumer(LARGE, topic_reader._TUNING)


def test_a_limit_that_is_no_number_is_left_to_the_client() -> None:
    wrong = {**LARGE, "message.max.bytes": "much"}
    with pytest.raises(KafkaProblem, match=r"message\.max\.bytes"):
        make_consumer(wrong, topic_reader.fitted(topic_reader._TUNING, wrong))
