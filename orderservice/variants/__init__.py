"""The ways to write an order and its event: one file for each, and this table that names them.

A new variant is a file with a class of the shape :class:`orderservice.variants.base.Variant` and a line here.
"""

from __future__ import annotations

from orderservice.variants.base import Parts, Variant
from orderservice.variants.naive import Naive
from orderservice.variants.outbox import Outbox

VARIANTS: dict[str, type[Variant]] = {
    "naive": Naive,
    "outbox": Outbox,
}

__all__ = ["VARIANTS", "Parts", "Variant"]
