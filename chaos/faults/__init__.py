"""Faults, their targets, the watchdog and its journal; when a fault is injected is decided in `chaos/run/`."""
