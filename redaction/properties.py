"""Recognises the secret properties of a Kafka client by their names."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final = (
    *("password", "secret", "key.pem", "certificate.pem", "token", "jaas", "oauthbearer.config"),
    *("userinfo", "user.info", "credentials"),
)


def is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _WORDS)


def secret_values(client: Mapping[str, str]) -> list[str]:
    """Return the values of `client`, properties of a Kafka client, that are secrets."""
    return [value for name, value in client.items() if value and is_secret(name)]
