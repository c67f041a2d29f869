"""Speed, measured side by side with what one would do instead; `python -m benchmarks` runs it all.

Each benchmark is a file with `NAME` and `run(quick) -> Result`. Both sides of a comparison run in the same session of
the same machine, so that the ratio means something even where the seconds do not.
"""
