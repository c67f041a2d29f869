"""The system under test as a run sees it, one file for each value of `--stack`; its processes live in `stack/`."""
