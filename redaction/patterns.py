"""Recognises likely secrets in a text whose secrets are unknown: a command line, an address, a body."""

import re
from typing import Final

from redaction.masking import MASK

# The user part reaches to the last @ before the path. For PostgreSQL also beyond a slash, as a password may have one
# that was not percent-encoded.
_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*:[^/\s]*@")
_IN_DATABASE_URL: Final = re.compile(r"(?<=://)(?<=postgresql://|..postgres://)[^@\s:]*:[^\s?]*@")
_NAMED: Final = re.compile(r"""(password\s*=\s*)('(?:\\.|[^'\\])*'|"[^"]*"|[^\s&]*)""", re.IGNORECASE)
# `NAME=$VARIABLE` only refers to a secret; the shell inserts it.
_REFERENCE: Final = re.compile(r"""[\w-]+\s*[=:\s]\s*['"]?(bearer\s+)?\$\{?\w+\}?['"]?""", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"(token|password|passwd|secret|api-?key)\s*[=:]|authorization", re.IGNORECASE)
# The word after such an option, `--token abc`; `curl --user name:word`; `MY_SECRET_KEY=abc`.
_OPTIONS: Final = re.compile(
    r"""(^|\s)--?(\w+-)*(token|password|passwd|secret|api-?key)\s+['"]?[^\s'"$@/-]"""
    r"""|\bcurl\s(.*\s)?(-u|--user)[\s=]*['"]?[^\s:'"$]+:[^\s'"$/]"""
    r"""|\bsshpass\s+-p"""
    r"""|(token|password|passwd|secret)\w*=['"]?[^\s'"$@/]""",
    re.IGNORECASE,
)
_MEMBER: Final = re.compile(r""""(token|password|passwd|secret|api[-_]?key)"\s*:""", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return `text` with the user part of URLs and the values of passwords replaced by `***`."""
    return _NAMED.sub(rf"\1{MASK}", _IN_URL.sub(f"{MASK}@", _IN_DATABASE_URL.sub(f"{MASK}@", text)))


def shows_secret(text: str) -> bool:
    return without_secrets(text) != text


def assigns_secret(text: str) -> bool:
    """Return whether `text` gives something the name of a secret, like `?token=`, or is a header of authorization."""
    return _ASSIGNED.search(text) is not None


def body_shows_secret(text: str) -> bool:
    """Return whether a JSON text has a member with the name of a secret, or holds a URL with a password."""
    return _MEMBER.search(text) is not None or shows_secret(text)


def command_shows_secret(text: str) -> bool:
    """Return whether a command has a secret; a variable of the shell (`--token=$TOKEN`) is none."""
    plain = _REFERENCE.sub("", text)
    return shows_secret(plain) or assigns_secret(plain) or _OPTIONS.search(plain) is not None
