"""Counts a run order by order while it goes on: the process that counts, and its client. What it means is judged later,
in `reconcile/`.
"""
