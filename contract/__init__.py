"""What an order, its row and its event look like: ids, places in a record, and the one reading of an event.

Pure, and imports nothing of ours: everything else may use it.
"""
