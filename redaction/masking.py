"""Masks known secrets in any text: an error of a driver, a line of a log, an answer.

A secret of eight characters or more is masked everywhere, also inside words. A shorter one is masked as a word, because
`x` is part of `exist`. A very short one, or an ordinary word of error messages, is masked only at the position of a
value (quoted, after `=`, in the user part of a URL): a sentence without that word would be unreadable and, worse, the
gap would show the secret.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from redaction.ordinary import ORDINARY

MASK: Final = "***"
# Shortest secret that is masked inside words, and as a word of its own.
_INSIDE: Final = 8
_WORD: Final = 4
# Shortest line of a multi-line secret (a key in PEM form) that is a secret itself.
_LINE: Final = 16
_BEFORE: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtb]))"
_AFTER: Final = r"(?![A-Za-z0-9])"
# Positions of a value. The group of each is the text before the value.
_VALUE_POSITIONS: Final = (
    r"""(["'`‘“«\[]){}(?=\\?["'`’”»\]])""",
    r"""(=["']?){}(?=$|[\s&;,'"`)\]}}>])""",
    r"""((?:passw(?:or)?d|passphrase|pwd|secret|token|key|authorization)["']?\s*[=:]\s*["']?){}(?=$|[\s&;,'"`)\]}}>])""",
    r"""(//[^\s/@:]*:){}(?=@)""",
    r"""(^\s*){}(?=\s*$)""",
)


def mask(text: object, secrets: Iterable[str]) -> str:
    """Return `text` with each of `secrets` replaced by `***`, in whatever encoding.

    Args:
        text: any value; its `str` is masked.
        secrets: values as they were given. Empty ones are ignored. Percent-encoded and decoded forms, forms quoted
            for JSON or Python, base64, single lines of a secret of several lines and the credentials of an
            `Authorization` header (`Bearer VALUE`) are masked too.
    """
    pattern, weak = _patterns(frozenset(secret for secret in secrets if secret.strip()))
    line = str(text)
    if pattern is not None:
        line = pattern.sub(MASK, line)
    for position in weak:
        line = position.sub(lambda found: f"{found[1]}{MASK}", line)
    return line


def mask_line(text: object, secrets: Iterable[str]) -> str:
    """Return `text` in one line with each of `secrets` masked; see `mask`."""
    # Masked before blanks are joined, as a secret may have two of them, and after it, as one may have been a line end.
    known = list(secrets)
    return mask(" ".join(mask(text, known).split()), known)


@lru_cache(maxsize=64)
def _patterns(secrets: frozenset[str]) -> tuple[re.Pattern[str] | None, tuple[re.Pattern[str], ...]]:
    """Return one pattern of secrets masked anywhere, longest first, and those of weak ones at value positions."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=lambda form: (-len(form), form))
    strong: list[str] = []
    weak: list[str] = []
    for form in forms:
        plain = re.escape(form)
        if form.casefold() in ORDINARY or len(form) < _WORD:
            weak.append(plain)
        elif len(form) < _INSIDE:
            strong.append(f"{_BEFORE if form[0].isalnum() else ''}{plain}{_AFTER if form[-1].isalnum() else ''}")
        else:
            strong.append(plain)
    anywhere = re.compile("|".join(strong)) if strong else None
    either = f"(?:{'|'.join(weak)})"
    return anywhere, tuple(re.compile(form.format(either), re.M | re.I) for form in _VALUE_POSITIONS) if weak else ()


def _forms(secret: str) -> Iterator[str]:
    for plain in {secret, secret.strip(), unquote(secret), " ".join(secret.split()), *_parts(secret)}:
        if not plain:
            continue
        yield plain
        for encoded in (_quoted(plain, ""), _quoted(plain, "/"), _quoted(plain, " ").replace(" ", "+")):
            yield encoded
            yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
        yield repr(plain)[1:-1]
        yield repr(_bytes(plain))[2:-1]
        yield plain.replace("\\", "\\\\").replace("'", "\\'")  # in a connection string of keywords
        yield plain.replace("'", "''")  # in SQL
        if len(plain) >= _WORD:
            yield base64.b64encode(_bytes(plain)).decode().rstrip("=")


def _quoted(text: str, safe: str) -> str:
    # An argument that is not UTF-8 has lone surrogates.
    return quote(text, safe=safe, errors="replace")


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def _parts(secret: str) -> Iterator[str]:
    """Yield parts of a secret that are secrets themselves."""
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LINE and not line.startswith("-----"))
    scheme, _, credentials = secret.strip().partition(" ")
    if scheme.lower() in ("bearer", "basic", "token", "apikey", "digest") and credentials.strip():
        yield credentials.strip()
        if scheme.lower() == "basic":
            yield from _basic(credentials.strip())
    # The settings of a login module (`sasl.jaas.config`): a password within the value.
    yield from (found[1] for found in re.finditer(r"""\b(?:password|secret)\s*=\s*["']([^"']+)["']""", secret, re.I))


def _basic(credentials: str) -> Iterator[str]:
    try:
        _, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return
    if colon and password:
        yield password
