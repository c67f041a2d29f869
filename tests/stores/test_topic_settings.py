"""What the configuration of a topic says, as different brokers report it."""

import pytest

from stores.topic_settings import TopicSettings, settings_in


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"cleanup.policy": "delete"}, TopicSettings(False, False)),
        ({"cleanup.policy": "compact,delete", "write.caching": "false"}, TopicSettings(True, False)),
        ({"cleanup.policy": "delete", "write.caching": "true"}, TopicSettings(False, True)),
        ({"cleanup.policy": "delete", "write.caching": "disabled"}, TopicSettings(False, False)),
        ({}, TopicSettings(None, None, "the broker does not report cleanup.policy of topic shop")),
    ],
)
def test_what_a_broker_reports(found: dict[str, str], expected: TopicSettings) -> None:
    assert settings_in(found, "shop") == expected
