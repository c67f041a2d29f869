"""Soak: many short runs in a row, each with a random fault and a random end of the harness, all drawn from one seed.

    python -m benchmarks.soak [--runs 100] [--seed N] [--minutes M]

After each run nothing may be broken or left behind, and what the run says must agree with an independent count; over
all of them nothing may grow. `draw.py` draws what is played, `harness.py` plays it, `aftermath.py` looks at what is
left, `truth.py` counts anew, `growth.py` watches sizes, `tally.py` tells, `sweeper.py` cleans up however the soak ends.
"""
