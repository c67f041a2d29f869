"""`python -m reconcile audit`: a live table against a live topic; it has no run, no ledger and no fault."""
