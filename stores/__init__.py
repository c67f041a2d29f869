"""Connections and bounded questions to PostgreSQL and Kafka, with errors in words; answers are judged elsewhere."""
