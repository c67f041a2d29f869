"""`python -m reconcile audit`: a live table against a live topic, with no load at all, for those who suspect losses."""
