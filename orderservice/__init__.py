"""The reference order service: saves an order in PostgreSQL and publishes ``order.created`` to Kafka.

It is the system under test when no other is given. Its default variant makes the dual write on purpose, with the
blocking, timeouts and pool of a Spring Boot service on a Java Kafka client, so that the harness observes the behaviour
of such a service without Java. It runs without the harness and imports nothing of it.
"""
