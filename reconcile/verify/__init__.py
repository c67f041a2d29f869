"""The second path: what is to be reported as a violation is looked up once more, another way, before it is."""
