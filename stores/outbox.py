"""An outbox table: the ids of the orders whose event waits in it to go out."""

from typing import Final

from stores import sql
from stores.postgres import Snapshot, Transaction
from stores.sql import table_name

_WAITING: Final = "SELECT array_agg(b.aggregateid::text) FROM {outbox} b WHERE b.published_at IS NULL"
# What other services call the creation of an order is not known: any entry of theirs may be its event.
_CREATED: Final = " AND coalesce(to_jsonb(b)->>'type', 'created') ILIKE '%%created%%'"


def waiting_texts(transaction: Snapshot | Transaction, outbox: str, *, reference: bool = False) -> list[str]:
    """Return the ids, as they are written there, of the orders whose event an outbox still holds.

    Args:
        reference: it is that of the reference service, in which only entries of the type `created` are such events.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the outbox cannot be read.
    """
    query = sql.SQL(_WAITING + (_CREATED if reference else "")).format(outbox=table_name(outbox))
    return [text for text in transaction.value(query, {}) or () if text is not None]
