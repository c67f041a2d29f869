"""The load: arrivals, users, HTTP exchange, and the ledger entry of each order; it knows of no fault."""
