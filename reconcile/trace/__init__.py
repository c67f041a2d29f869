"""`python -m reconcile show RUN ORDER_ID`: all that a run's folder holds of one order. Judging lives in `judge/`."""
