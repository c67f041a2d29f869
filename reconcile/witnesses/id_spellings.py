"""Finds known ids in bytes, by a closed list of spellings, thousands of records at a time.

A UUID (an order id or a run-scoped tag) is found as text with or without dashes, in any case, whatever surrounds it
(braces, `urn:uuid:`, a prefix); as its 16 bytes, big-endian or in the layout of a GUID; and as base64, standard or
URL-safe, at any alignment, of bytes or texts that hold one of these. A text id of 16 characters or more is found
anywhere. Shorter ones and integers are in every price, so they count as an entire scalar only: see
`reconcile.witnesses.record_scalars`.

Every step works on one buffer that holds all records of a batch. A few bits an id (a table of one byte a hash) sort out
almost everything before ids are compared, and each hit is compared in full: chance finds nothing.
"""

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history.joins import Bools, Ints, Words

LONG: Final = 16
"""Characters from which on a text id is looked for anywhere."""
_WORD: Final = 8
_HEX: Final = bytes(int(chr(i), 16) if chr(i) in "0123456789abcdefABCDEF" else 255 for i in range(256))
_STANDARD: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# 0 within base64 of either alphabet, 1 elsewhere.
_NO_BASE64: Final = bytes(i not in _STANDARD + b"-_" for i in range(256))
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_LEAST_BASE64: Final = 22
# Positions of the 32 digits of a dashed UUID.
_DIGITS: Final = np.array([i for i in range(36) if i not in {8, 13, 18, 23}])
_GUID: Final = np.array([3, 2, 1, 0, 5, 4, 7, 6, *range(8, 16)])
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_ESCAPED: Final = re.compile(rb"\\+(?:u00([0-9a-fA-F]{2})|/)")
Ids16 = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a batch of texts.

    Attributes:
        text: for each hit the index of the text that it is in, shape (n,).
        target: for each hit what was found, shape (n,).
    """

    text: Ints
    target: Ints


class KnownIds:
    """A set of 16-byte ids that many are compared with at once.

    Args:
        hi, lo: words of the ids, shape (n,).
        target: what each stands for, shape (n,).
    """

    def __init__(self, hi: Words, lo: Words, target: Ints) -> None:
        raw = _raw(hi, lo)
        order = np.argsort(raw, kind="stable")
        self._sorted, self._target = raw[order], target[order]
        self._sieve = _Sieve(_mixed(hi, lo))
        self.lower = np.unique(lo)

    def __len__(self) -> int:
        return len(self._sorted)

    def find(self, hi: Words, lo: Words) -> tuple[Ints, Ints]:
        """Return the indices of those that are known, and what they stand for; one that stands for two comes twice."""
        at = np.flatnonzero(self._sieve.may_hold(_mixed(hi, lo)))
        wanted = _raw(hi[at], lo[at])
        first = np.searchsorted(self._sorted, wanted, side="left")
        count = np.searchsorted(self._sorted, wanted, side="right") - first
        where = np.repeat(first, count) + _counting(count)
        return np.repeat(at, count), self._target[where]


class Spellings:
    """Looks for known ids.

    Args:
        uuids: UUIDs: order ids and tags.
        texts: text ids of `LONG` characters or more, by their UTF-8, and what they stand for.
    """

    def __init__(self, uuids: KnownIds, texts: dict[bytes, int] | None = None) -> None:
        self._uuids, self._texts = uuids, texts or {}
        # Lower words as eight bytes read in the machine's own order.
        lower = uuids.lower.astype(">u8").view(np.uint64)
        self._lower = _Sieve(lower * _FACTOR)
        # RFC 9562 begins the lower half with a byte that ASCII does not have: then text need not be looked through.
        self._no_ascii = bool(np.all(uuids.lower >> np.uint64(63))) if len(lower) else True
        ends: dict[bytes, set[int]] = {}
        for text in self._texts:
            ends.setdefault(text[-_WORD:], set()).add(len(text))
        self._ends = {end: sorted(lengths) for end, lengths in ends.items()}
        self._words = _Sieve(np.frombuffer(b"".join(ends), dtype=np.uint64) * _FACTOR)

    def find(self, texts: Sequence[bytes]) -> Found:
        owner = np.arange(len(texts))
        plain, extra = list(texts), [i for i, text in enumerate(texts) if _ESCAPED.search(text)]
        if extra:
            plain += [_ESCAPED.sub(_unescape, texts[i]) for i in extra]
            owner = np.concatenate([owner, np.array(extra)])
        batch = _Batch(plain)
        hits = [self._as_text(batch), self._as_bytes(batch), self._anywhere(batch)]
        decoded, inside = _decoded(batch)
        found = [(owner[at], target) for at, target in hits]
        if decoded:
            within = _Batch(decoded)
            hits = [self._as_text(within), self._as_bytes(within), self._anywhere(within)]
            found += [(owner[inside[at]], target) for at, target in hits]
        at = np.concatenate([part for part, _ in found]).astype(np.int64)
        return Found(at, np.concatenate([part for _, part in found]).astype(np.int64))

    def _as_text(self, batch: "_Batch") -> tuple[Ints, Ints]:
        at, hi, lo = batch.uuids()
        which, target = self._uuids.find(hi, lo)
        return batch.text_at(at[which]), target

    def _as_bytes(self, batch: "_Batch") -> tuple[Ints, Ints]:
        nothing = np.empty(0, dtype=np.int64)
        if not len(self._uuids) or (self._no_ascii and batch.raw.isascii()):
            return nothing, nothing
        ends = batch.words_where(self._lower)
        begins = ends[ends >= _WORD] - _WORD
        begins = begins[batch.within(begins, 2 * _WORD)]
        grid = batch.array[begins[:, None] + np.arange(16)]
        parts = []
        for order in (np.arange(16), _GUID):
            hi, lo = _words_of(grid[:, order])
            which, target = self._uuids.find(hi, lo)
            parts.append((batch.text_at(begins[which]), target))
        return np.concatenate([part for part, _ in parts]), np.concatenate([part for _, part in parts])

    def _anywhere(self, batch: "_Batch") -> tuple[Ints, Ints]:
        """Find long text ids: by their last eight bytes, then in full."""
        at: list[int] = []
        target: list[int] = []
        for end in (batch.words_where(self._words) + _WORD).tolist() if self._texts else ():
            for length in self._ends.get(batch.raw[end - _WORD : end], ()):
                known = self._texts.get(batch.raw[max(0, end - length) : end])
                if known is not None:
                    at.append(end - length)
                    target.append(known)
        return batch.text_at(np.array(at, dtype=np.int64)), np.array(target, dtype=np.int64)


class _Batch:
    """Texts in one buffer, a line end after each; no spelling of an id holds one, but the 16 bytes may."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.raw = b"\n".join([*texts, b""])
        self.array = np.frombuffer(self.raw, dtype=np.uint8)
        sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
        self._ends = np.cumsum(sizes)

    def text_at(self, positions: Ints) -> Ints:
        """Return in which text each position is."""
        return np.searchsorted(self._ends, positions, side="right").astype(np.int64)

    def within(self, begins: Ints, size: int) -> Bools:
        """Return which stretches of `size` bytes are within one text."""
        ends = begins + size
        inside = ends < len(self.array)
        inside[inside] = self.text_at(begins[inside]) == self.text_at(ends[inside])
        return inside

    def words_where(self, sieve: "_Sieve") -> Ints:
        """Return at which positions, ascending by their remainder, eight bytes begin that the sieve lets through."""
        found = [np.empty(0, dtype=np.int64)]
        for offset in range(_WORD):
            count = (len(self.raw) - offset) // _WORD
            if count > 0:
                words = np.frombuffer(self.raw, dtype=np.uint64, count=count, offset=offset)
                found.append(np.flatnonzero(sieve.may_hold(words * _FACTOR)) * _WORD + offset)
        return np.concatenate(found)

    def uuids(self) -> tuple[Ints, Words, Words]:
        """Return position, upper and lower word of every UUID text, with and without dashes."""
        nibbles = np.frombuffer(self.raw.translate(_HEX), dtype=np.uint8)
        dashed, *dashed_words = self._dashed(nibbles)
        plain, *plain_words = _undashed(nibbles)
        at = np.concatenate([dashed, plain])
        hi, lo = (np.concatenate([one, other]) for one, other in zip(dashed_words, plain_words, strict=True))
        return at, hi, lo

    def _dashed(self, nibbles: NDArray[np.uint8]) -> tuple[Ints, Words, Words]:
        dash = self.array == ord("-")
        first = np.flatnonzero(dash)
        first = first[(first >= 8) & (first + 28 <= len(dash))]
        for step in (5, 10, 15):
            first = first[dash[first + step]]
        begins = first - 8
        digits = nibbles[begins[:, None] + _DIGITS]
        right = (digits < 16).all(axis=1)
        digits = digits[right]
        return begins[right], *_words_of(digits[:, ::2] << 4 | digits[:, 1::2])


def _undashed(nibbles: NDArray[np.uint8]) -> tuple[Ints, Words, Words]:
    """Return every stretch of 32 hexadecimal digits, also those within a longer one."""
    begins, sizes = _runs(nibbles == 255, 32)
    nothing = np.empty(0, dtype=np.uint64)
    if not len(begins):
        return np.empty(0, dtype=np.int64), nothing, nothing
    starts = np.repeat(begins, sizes - 31) + _counting(sizes - 31)
    # Two digits, four, eight, sixteen: each step joins neighbours of the one before.
    words = nibbles.astype(np.uint64)
    for digits in (1, 2, 4, 8):
        words = words[:-digits] << np.uint64(4 * digits) | words[digits:]
    return starts, words[starts], words[starts + 16]


def _decoded(batch: _Batch) -> tuple[list[bytes], Ints]:
    """Return what the batch holds in base64, decoded from each of the four alignments, and of which text each is."""
    begins, sizes = _runs(np.frombuffer(batch.raw.translate(_NO_BASE64), dtype=np.bool_), _LEAST_BASE64)
    if len(begins):
        # A UUID text looks like base64 and was read as what it is.
        other = np.frombuffer(batch.raw.translate(_HEX), dtype=np.uint8) == 255
        other &= batch.array != ord("-")
        before = np.concatenate([[0], np.cumsum(other)])
        kept = (before[begins + sizes] > before[begins]) | (sizes < 32)
        begins, sizes = begins[kept], sizes[kept]
    found: list[bytes] = []
    for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
        run = batch.raw[begin : begin + size].translate(_URL_SAFE)
        for skip in range(4):
            found.append(binascii.a2b_base64(run[skip:] + b"A" * (-(size - skip) % 4)))
    return found, np.repeat(batch.text_at(begins), 4)


class _Sieve:
    """Lets every known word through, and about one in 64 of the others. Callers spread words over all bits."""

    def __init__(self, words: Words) -> None:
        bits = min(26, max(12, len(words).bit_length() + 6))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, dtype=np.bool_)
        self._table[words >> self._shift] = True

    def may_hold(self, words: Words) -> Bools:
        """Return which may be known."""
        passed: Bools = self._table[words >> self._shift]
        return passed


def _runs(breaks: Bools, least: int) -> tuple[Ints, Ints]:
    """Return begin and size of every stretch of at least `least` elements without a break; the last one is a break."""
    at = np.flatnonzero(breaks)
    begins = np.concatenate([[0], at + 1])[: len(at)]
    sizes = at - begins
    long = sizes >= least
    return begins[long], sizes[long]


def _counting(counts: Ints) -> Ints:
    """Return 0 to n - 1 for each of the counts, one after another."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _words_of(grid: NDArray[np.uint8]) -> tuple[Words, Words]:
    pairs = np.ascontiguousarray(grid).view(">u8").reshape(-1, 2).astype(np.uint64)
    return pairs[:, 0], pairs[:, 1]


def _raw(hi: Words, lo: Words) -> Ids16:
    pairs = np.empty((len(hi), 2), dtype=">u8")
    pairs[:, 0], pairs[:, 1] = hi, lo
    return pairs.view("S16").reshape(-1)


def _mixed(hi: Words, lo: Words) -> Words:
    return (hi * _FACTOR ^ lo) * _FACTOR


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else b"/"


def join(parts: Iterable[tuple[Words, Words, Ints]]) -> KnownIds:
    """Return the set of all ids in `parts`: upper words, lower words, what they stand for."""
    hi, lo, target = (np.concatenate(list(columns)) for columns in zip(*parts, strict=True))
    return KnownIds(hi, lo, target)
