"""Everything that the run's folder holds of one order: `python -m reconcile show RUN ORDER_ID`."""
