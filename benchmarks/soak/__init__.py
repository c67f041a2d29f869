"""Soak: many short runs in a row, each with a random fault and a random end of the harness, all drawn from one seed.

    python -m benchmarks.soak [--runs 100] [--seed N] [--minutes M]

After each run nothing may be broken or left behind, and what the run reports must agree with an independent count; over
all of them no size may grow. `draw.py` draws a run, `harness.py` runs it, `checks.py` checks what it left,
`independent_count.py` counts again, `growth.py` compares sizes, `tally.py` reports, `cleanup.py` cleans up however the
soak ends.
"""
