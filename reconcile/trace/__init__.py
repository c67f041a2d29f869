"""`python -m reconcile show RUN ORDER_ID`: all that a run's folder holds about one order; judging is in `judge/`."""
