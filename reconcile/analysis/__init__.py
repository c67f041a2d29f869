"""Pure calculations on a run's history: truth table, late events, failure window, causes; verdicts are in `judge/`."""
