"""How Kafka, PostgreSQL and HTTP are probed, and the one rule of up and down; nothing is broken or healed here."""
