"""The monitor process, which observes topic and target during a run, and the client of it in Locust's process."""
