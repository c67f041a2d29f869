"""Compares the three witnesses of every order (ack, row, event) and judges the run; no load and no fault here.

`python -m reconcile RUN`, a process of its own. Only `history/`, `witnesses/`, `verify/` and `audit/` read files and
stores; the rest is pure.
"""
