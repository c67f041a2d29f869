"""Why a Kafka client gets no answer, in words that name the client property to change; pure texts in, one text out.

librdkafka answers a question that fails with "transport failure" alone; what happened (a certificate that is not
trusted, a password that is refused) it only reports to `error_cb`, as errors in any order and number.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from redaction.masking import mask_line
from redaction.properties import secret_values

_CONFIG: Final = "--kafka-config"
_NOT_TLS: Final = ("wrong version number", "unexpected message", "packet length")
_NO_TLS: Final = "it does not speak TLS there: security.protocol {} is wrong"
# As librdkafka names a broker that it learned of by metadata; those of `bootstrap.servers` end in /bootstrap.
_ADVERTISED: Final = re.compile(r"\b(?P<address>[\w.-]+:\d+)/(?P<broker>\d+)\b")
_UNREACHED: Final = frozenset({"_RESOLVE", "_TRANSPORT", "_TIMED_OUT"})


def scrub(text: object, client: Mapping[str, str]) -> str:
    """Return `text` as one line in which no secret value of the client properties is left."""
    return mask_line(text, secret_values(client))


def refused_properties(error: object, client: Mapping[str, str]) -> str:
    """Return a sentence for an error with which the client refuses its properties."""
    return f"{_CONFIG}: the Kafka client refuses its properties: {scrub(str(error), client)}"


def connection_reason(problems: Iterable[tuple[str, str]], client: Mapping[str, str]) -> str | None:
    """Return why a broker did not answer, None when the problems do not say.

    Args:
        problems: name (`_SSL`, `_AUTHENTICATION`, ...) and text of each error reported to `error_cb`.
        client: its properties; none of its secrets is in the answer.
    """
    reported = list(dict.fromkeys(problems))
    names = {name for name, _ in reported}
    if reason := refused_reason(reported, client) or _cut_handshake(reported, client):
        return reason
    if "_ALL_BROKERS_DOWN" in names and names.isdisjoint({"_TRANSPORT", "_RESOLVE", "_TIMED_OUT"}):
        # A connection that is refused or lost would have been reported as such.
        protocol = client.get("security.protocol", "PLAINTEXT")
        return f"it takes connections and hangs up: is security.protocol {protocol} what it speaks? ({_CONFIG})"
    return _of_listener(reported, client)


def _cut_handshake(problems: Iterable[tuple[str, str]], client: Mapping[str, str]) -> str | None:
    """Return what a handshake that failed says of a broker that has never answered; one that stops cuts it as well."""
    for name, text in problems:
        if "plaintext broker listener" in text.lower():
            return f"{_NO_TLS.format(client.get('security.protocol'))} ({_CONFIG})"
        if name == "_SSL":
            return f"the TLS handshake fails: security.protocol or one of the ssl.* properties is wrong ({_CONFIG})"
    return None


def _of_listener(problems: Iterable[tuple[str, str]], client: Mapping[str, str]) -> str | None:
    """Return which advertised address cannot be reached; None when the problems name none but the bootstrap ones."""
    given = {part.strip() for part in client.get("bootstrap.servers", "").split(",")}
    for name, text in problems:
        found = _ADVERTISED.search(text)
        if name in _UNREACHED and found and found["address"] not in given:
            address, broker = found["address"], found["broker"]
            return f"it advertises its broker {broker} as {address}, which cannot be reached from here"
    return None


def refused_reason(problems: Iterable[tuple[str, str]], client: Mapping[str, str]) -> str | None:
    """Return why the broker or its certificate was refused, None when that is not what the problems say."""
    for name, text in problems:
        if reason := _of_tls(name, text.lower(), client) or _of_login(name, text, client):
            return scrub(f"{reason} ({_CONFIG})", client)
    return None


def _of_tls(name: str, text: str, client: Mapping[str, str]) -> str | None:
    if "certificate verify failed" in text or "could not be verified" in text:
        if "mismatch" in text:
            return "its certificate is for another host name than the one in bootstrap.servers"
        place = client.get("ssl.ca.location")
        named = f"ssl.ca.location {place} names" if place else "this machine trusts, and ssl.ca.location names none"
        return f"its certificate is signed by no CA that {named}"
    if name == "_SSL" and any(words in text for words in _NOT_TLS):
        return _NO_TLS.format(client.get("security.protocol"))
    return None


def _of_login(name: str, text: str, client: Mapping[str, str]) -> str | None:
    mechanism = client.get("sasl.mechanism") or client.get("sasl.mechanisms") or "GSSAPI"
    if "nsupported SASL mechanism" in text:
        _, _, known = text.partition("supported mechanisms:")
        takes = f"; it takes {known.partition('(')[0].strip()}" if known.strip() else ""
        return f"it does not take sasl.mechanism {mechanism}{takes}"
    if name == "_AUTHENTICATION":
        return f"it refuses sasl.username or sasl.password (mechanism {mechanism})"
    return None
