"""The load: orders that fall due on an absolute schedule, however long the answers take; the ledger records each.

Faults and phases live in `chaos/`; the load gets the current phase from there.
"""
