"""The monitor process, which observes topic and target of a run, and its client; the rule of down is in `health/`."""
