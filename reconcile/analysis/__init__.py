"""Pure calculations on a run's history: truth table, late events, failure window, recovery, causes, counts."""
