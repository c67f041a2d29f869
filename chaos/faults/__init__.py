"""Faults and the targets that carry them out, the journal, the watchdog that heals them, and the restore command."""
