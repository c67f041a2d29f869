"""Where the system under test comes from, and how its health is probed.

The embedded stack (`EmbeddedStack`, `python -m stack`) runs real PostgreSQL, real Apache Kafka and the order service
as processes of this machine; `health.check` asks any stack, wherever it runs, for a sign of health.
"""
