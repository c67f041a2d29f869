"""One run from preflight to drain; what the system under test is lives in `chaos/sut/`, faults in `chaos/faults/`."""
