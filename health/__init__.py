"""How Kafka, PostgreSQL and HTTP services are asked whether they serve, and the one rule of up, down and back.

Preflight, the monitor, the watchdog, `python -m chaos restore` and the check after a run all use this room, so they
cannot disagree. What is broken or healed, and when, is not decided here.
"""
