"""Speed, measured side by side with the usual alternative; `python -m benchmarks` runs every benchmark.

Each benchmark is a file with `NAME` and `run(quick) -> Result`. Both sides of a comparison run in the same session on
the same machine, so their ratio holds even where the seconds do not.
"""
