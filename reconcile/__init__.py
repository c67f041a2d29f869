"""Compares the three witnesses of every order (ack, row, event) and says what became of each.

The edges (`rows`, `events`, `saved`) read PostgreSQL, Kafka and the run's folder; everything between them is pure:
values in, values out. Runs as a process of its own: `python -m reconcile RUN`.
"""
