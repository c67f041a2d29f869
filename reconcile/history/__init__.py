"""Reads one run from its folder, as values; asks no store and judges nothing."""
