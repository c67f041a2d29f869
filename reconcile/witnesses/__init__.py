"""Reads the rows of a run from PostgreSQL and its events from Kafka, through the connections of `stores`."""
