"""The system under test: the embedded stack, a compose project, or the service that the user runs."""
