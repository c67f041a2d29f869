"""What people mistype is shown to them without its secrets."""

import pytest

from redaction.patterns import shows_secret, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://mars:TOP@h/db", "postgresql://***@h/db"),
        ("a postgresql://mars:T@P@h/db b http://u:p@x", "a postgresql://***@h/db b http://***@x"),
        ("host=x password=TOP user=y", "host=x password=*** user=y"),
        ("host=x PASSWORD = 'TO P' user=y", "host=x PASSWORD = *** user=y"),
        ("postgresql://mars@h/db", "postgresql://mars@h/db"),
        ("latest", "latest"),
        ("host=x password=", "host=x password=***"),
    ],
)
def test_secrets_are_taken_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert shows_secret(text) is (text != shown)
