"""Reads a run's rows from PostgreSQL and its events from Kafka; connections live in `stores/`, judging in `judge/`."""
