"""One run with a fault: conductor, system under test, faults, monitor; what a run means is judged in `reconcile/`."""
