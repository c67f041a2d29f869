"""The variants, each a way to write an order and its event in a file of its own, and their table.

A new variant is a file with a class of the shape :class:`orderservice.variants.base.Variant` and a line here.
"""

from orderservice.variants.after_commit import AfterCommit
from orderservice.variants.awaited import Awaited
from orderservice.variants.base import ACCEPT, FAIL, Behaviour, Parts, Variant
from orderservice.variants.naive import Naive
from orderservice.variants.outbox import Outbox
from orderservice.variants.raised import Raised

VARIANTS: dict[str, type[Variant]] = {
    "naive": Naive,
    "after-commit": AfterCommit,
    "awaited": Awaited,
    "raised": Raised,
    "outbox": Outbox,
}

__all__ = ["ACCEPT", "FAIL", "VARIANTS", "Behaviour", "Parts", "Variant"]
