"""Records that are no event of the run, looked through for the orders that they name all the same.

Every one of them, not a sample: an order that such a record names may have its event there, and is disputed. What is
kept is one line an order of the run (the first record, how many, why it does not count), so memory is bounded by the
rows. Records that name no order and that nothing else attributes are *opaque*: each may be the event of any one order.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import TAGGED
from contract.describe import places_of
from contract.event import EventContract, KafkaRecord, Why
from contract.ids import among, bytes_of
from contract.order_id import IdKind, spellings, text_of
from contract.run_events import NO_SEQUENCE
from contract.run_key import RunKey
from reconcile.history.history import MENTION, ids_of
from reconcile.history.joins import Ints, words
from reconcile.witnesses.id_spellings import LONG, KnownIds, Spellings, join
from reconcile.witnesses.record_scalars import identities
from reconcile.witnesses.unrelated_records import is_of_something_else

SLICE: Final = 2**22
"""Bytes that are looked through at once."""
PLACES: Final = 1000
"""Records of which it is noted where they name their order; only words of a reason depend on it."""
_VARIANT: Final = np.uint64(0b10 << 62)
# Such a record has an order id at its place: it is of that order, or of the one that it names.
_WITH_ID: Final = frozenset({Why.KEY_DIFFERS, Why.OTHER_TAG, Why.NO_TAG, Why.NO_ROW})
_UUID_BITS: Final = (np.uint64(62), np.uint64(0b10))


class Mentions:
    """Takes in records that count as no event of the run.

    Args:
        attribution: how its orders are attributed; only with `tagged` ones a tag names an order.
        rows: array of ROW, those of the run: the orders that are looked for.
        names: texts of order ids that cannot be decoded from their bytes.

    Attributes:
        opaque: see above; complete after `finish`.
        rejected: how many records there were, by `Why`.
    """

    def __init__(
        self,
        contract: EventContract,
        run_key: RunKey,
        attribution: str,
        rows: NDArray[np.void],
        names: Mapping[bytes, str],
    ) -> None:
        self._contract, self._rows, self._names = contract, rows, names
        self._tagged, self._upper = attribution == TAGGED, np.uint64(run_key.upper)
        self._tag_prefix = run_key.text_prefix.lower().encode() if self._tagged else b""
        self._named = _Named(len(rows))
        self._aside = _Named(len(rows))
        self._places: list[tuple[int, list[str]]] = []
        # Records that nothing but a number or a short text attributes, by a number of their own, and the rows of it.
        self._by_chance: list[tuple[Ints, Ints]] = []
        self._taken = self._nameless = self.opaque = 0
        self.rejected: Counter[int] = Counter()

    def take(
        self, records: Sequence[KafkaRecord], why: NDArray[np.uint8], partitions: Ints, offsets: Ints
    ) -> NDArray[np.bool_]:
        """Take in n records, each with why it does not count, its partition and its offset.

        Returns:
            which of them name an order, shape (n,).
        """
        self.rejected.update(why.tolist())
        naming = np.zeros(len(records), dtype=np.bool_)
        begin = size = 0
        for end, record in enumerate(records, 1):
            size += len(record.key or b"") + len(record.value or b"")
            # A search takes some thirty times the bytes that it looks through.
            if size >= SLICE or end == len(records):
                part = slice(begin, end)
                naming[part] = self._take(records[part], why[part], partitions[part], offsets[part])
                begin, size = end, 0
        return naming

    def _take(
        self, records: Sequence[KafkaRecord], why: NDArray[np.uint8], partitions: Ints, offsets: Ints
    ) -> NDArray[np.bool_]:
        record, row, distinct = self._find(records)
        certain = np.isin(why, [one for one in Why if one.certain])
        for named, which in ((self._named, ~certain[record]), (self._aside, certain[record])):
            at = record[which]
            named.add(row[which], partitions[at], offsets[at], why[at])
        doubtful = ~certain[record]
        self._note_places(records, record[doubtful], row[doubtful])
        loose = np.zeros(len(records), dtype=np.bool_)
        for place in np.flatnonzero(~distinct & ~certain).tolist():
            with_id = Why(int(why[place])) in _WITH_ID
            loose[place] = not (with_id or is_of_something_else(self._contract, records[place], self._tag_prefix))
        named_any = np.zeros(len(records), dtype=np.bool_)
        named_any[record] = True
        self._nameless += int((loose & ~named_any).sum())
        self.opaque = self._nameless
        if (chance := loose[record]).any():
            self._by_chance.append((record[chance] + self._taken, row[chance]))
        self._taken += len(records)
        return named_any

    def finish(self, events: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.void], dict[str, int]]:
        """Return two arrays of MENTION for the orders without one of `events` (array of EVENT): those of records that
        may be their event, and those of records that certainly are not; and where the first of them name orders."""
        without = ~among(self._rows, np.unique(ids_of(events)))
        places = Counter(place for row, found in self._places if without[row] for place in found)
        named_at = dict(sorted(places.items(), key=lambda one: (-one[1], one[0])))
        # A quantity of 17 is no reason why a record should be of order 17, which has its event.
        records = np.concatenate([np.empty(0, dtype=np.int64), *(record for record, _ in self._by_chance)])
        rows = np.concatenate([np.empty(0, dtype=np.int64), *(row for _, row in self._by_chance)])
        self.opaque = self._nameless + len(np.unique(records)) - len(np.unique(records[without[rows]]))
        return self._named.finish(self._rows, without), self._aside.finish(self._rows, without), named_at

    def _find(self, records: Sequence[KafkaRecord]) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Return pairs of a record and a row that it names, each once; and which records name a row by what no other
        number or text looks like."""
        texts: list[bytes] = []
        owner: list[int] = []
        for place, record in enumerate(records):
            for raw in (record.value, record.key, *(value for _, value in record.headers)):
                if raw:
                    texts.append(raw)
                    owner.append(place)
        owners = np.array(owner, dtype=np.int64)
        found = self._spellings.find(texts)
        at, row = owners[found.text], found.target
        distinct = np.zeros(len(records), dtype=np.bool_)
        distinct[at] = True
        if self._contract.id_kind is not IdKind.UUID:
            more_at, more_row = self._find_scalars(records)
            at, row = np.concatenate([at, more_at]), np.concatenate([row, more_row])
        pairs: Ints = np.unique(at * max(1, len(self._rows)) + row)
        which, target = np.divmod(pairs, max(1, len(self._rows)))
        return which, target, distinct

    def _find_scalars(self, records: Sequence[KafkaRecord]) -> tuple[Ints, Ints]:
        found: list[bytes] = []
        owner: list[int] = []
        for place, record in enumerate(records):
            for identity in identities(self._contract.id_kind, record, self._contract.id_at):
                found.append(identity)
                owner.append(place)
        pairs = np.frombuffer(b"".join(found), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        which, row = self._known.find(pairs[:, 0], pairs[:, 1])
        return np.array(owner, dtype=np.int64)[which], row

    # Both are made when the first record comes: most runs have none, and a million rows take seconds.
    @cached_property
    def _known(self) -> KnownIds:
        return KnownIds(words(self._rows, "hi"), words(self._rows, "lo"), np.arange(len(self._rows)))

    @cached_property
    def _spellings(self) -> Spellings:
        hi, lo, seq = (words(self._rows, name) for name in ("hi", "lo", "seq"))
        kind, all_rows = self._contract.id_kind, np.arange(len(self._rows))
        of_uuids = np.full(len(hi), kind is IdKind.UUID)
        texts: dict[str, int] = {}
        if kind is IdKind.TEXT:
            of_uuids = lo >> _UUID_BITS[0] == _UUID_BITS[1]
            for row, identity in enumerate(bytes_of(ids_of(self._rows))):
                for text in spellings(text_of(kind, identity, self._names)):
                    if len(text) >= LONG:
                        texts[text] = row
            # Whether case makes another order of it, only the service knows.
            for text, row in list(texts.items()):
                for cased in (text.lower(), text.upper()):
                    texts.setdefault(cased, row)
        tagged = (seq != NO_SEQUENCE) & self._tagged
        tags = seq[tagged] | _VARIANT
        uuids = (hi[of_uuids], lo[of_uuids], all_rows[of_uuids])
        raw = {text.encode("utf-8", "surrogatepass"): row for text, row in texts.items()}
        return Spellings(join([uuids, (np.full(len(tags), self._upper), tags, all_rows[tagged])]), raw)

    def _note_places(self, records: Sequence[KafkaRecord], record: Ints, row: Ints) -> None:
        for at, one in zip(record.tolist(), row.tolist(), strict=True):
            if len(self._places) >= PLACES:
                return
            identity = ids_of(self._rows[one : one + 1]).tobytes()
            text = text_of(self._contract.id_kind, identity, self._names)
            self._places.append((one, places_of(records[at], text)[:1]))


class _Named:
    """For each order how many records name it, and the first of them by partition and offset."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._count: NDArray[np.int64] | None = None

    def add(self, row: Ints, partition: Ints, offset: Ints, why: NDArray[np.uint8]) -> None:
        """Note records; a record may name several orders, and each names it once."""
        if not len(row):
            return
        if self._count is None:
            self._count = np.zeros(self._orders, dtype=np.int64)
            self._first = np.zeros(self._orders, dtype=[("partition", "<i4"), ("offset", "<i8"), ("why", "u1")])
        order = np.lexsort((offset, partition, row))
        row, partition, offset, why = row[order], partition[order], offset[order], why[order]
        rows, at, count = np.unique(row, return_index=True, return_counts=True)
        partition, offset, why = partition[at], offset[at], why[at]
        known = self._first[rows]
        earlier = (partition < known["partition"]) | ((partition == known["partition"]) & (offset < known["offset"]))
        fresh = (self._count[rows] == 0) | earlier
        self._count[rows] += count
        self._first["partition"][rows[fresh]] = partition[fresh]
        self._first["offset"][rows[fresh]] = offset[fresh]
        self._first["why"][rows[fresh]] = why[fresh]

    def finish(self, rows: NDArray[np.void], wanted: NDArray[np.bool_]) -> NDArray[np.void]:
        """Return an array of MENTION, ascending by order id, for those of `rows` that are wanted and named."""
        if self._count is None:
            return np.empty(0, dtype=MENTION)
        at = np.flatnonzero(wanted & (self._count > 0))
        found = np.empty(len(at), dtype=MENTION)
        found["hi"], found["lo"], found["count"] = rows["hi"][at], rows["lo"][at], self._count[at]
        for name in ("partition", "offset", "why"):
            found[name] = self._first[name][at]
        return found[np.lexsort((words(found, "lo"), words(found, "hi")))]
