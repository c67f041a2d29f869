"""The embedded stack and the compose project: their processes, ports and state; faults live in `chaos/faults/`."""
