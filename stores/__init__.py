"""The only place that opens connections to PostgreSQL and Kafka: values in, values out, errors in words."""
