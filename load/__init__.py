"""The load: orders that fall due on an absolute schedule, sent whatever the answers take, each one in the ledger.

Nothing here knows of faults. The phase that an order falls into is handed in; what became of it is written down.
"""
