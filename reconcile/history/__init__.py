"""Reads one run from its folder: recorded files, saved witnesses, logs and outages as values. Asks no store."""
