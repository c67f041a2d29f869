"""`python -m reconcile show RUN ORDER_ID`: what all witnesses, marks and logs say of one order."""
