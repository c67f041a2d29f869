"""What the errors of a Kafka client say of its properties, before the broker has ever answered it and after."""

import pytest
from confluent_kafka import KafkaError

from health.kept_kafka import Reasons

CLIENT = {"bootstrap.servers": "127.0.0.1:9093", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
CUT = (KafkaError._SSL, "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?")
LATE = (KafkaError._SSL, "SSL handshake failed: SSL_ERROR_SYSCALL")
PLAIN = (KafkaError._SSL, "SSL handshake failed: error:0A00010B:SSL routines::wrong version number")
UNKNOWN_CA = (KafkaError._SSL, "SSL handshake failed: certificate verify failed: broker certificate")
LOGIN = (KafkaError._AUTHENTICATION, "SASL authentication error: Authentication failed")
GONE = (KafkaError._TRANSPORT, "127.0.0.1:9093/bootstrap: Connect to ipv4#127.0.0.1:9093 failed: Connection refused")


@pytest.mark.parametrize(
    ("error", "words", "proof"),
    [
        (CUT, "does not speak TLS there: security.protocol SASL_SSL is wrong", False),
        (LATE, "the TLS handshake fails", False),
        (PLAIN, "does not speak TLS there: security.protocol SASL_SSL is wrong", True),
        (UNKNOWN_CA, "signed by no CA", True),
        (LOGIN, "refuses sasl.username or sasl.password", True),
        (GONE, "", False),
    ],
)
def test_a_handshake_that_is_cut_accuses_no_property_of_a_client_that_was_served(
    error: tuple[int, str], words: str, proof: bool
) -> None:
    """A broker that stops cuts handshakes as well as one that speaks another protocol."""
    never, served = Reasons(CLIENT), Reasons(CLIENT)
    served.answered()
    for reasons in (never, served):
        reasons.note(KafkaError(*error))
    if words:
        assert words in str(never.reason())
    else:
        assert never.reason() is None
    assert served.reason() == (never.reason() if proof else None)


@pytest.mark.parametrize(
    "around",
    [
        "",
        " (after 0ms in state CONNECT)",
        " (after 12ms in state CONNECT, 1 identical error(s) suppressed)",
        " (2 identical error(s) suppressed): (errno: Success)",
    ],
)
def test_a_reason_says_once_what_happened_and_not_how_often(around: str) -> None:
    reasons = Reasons(CLIENT)
    reasons.note(KafkaError(GONE[0], GONE[1] + around))
    found = reasons.reply(KafkaError(KafkaError._TRANSPORT))
    assert found.detail == "Connect to ipv4#127.0.0.1:9093 failed: Connection refused"
