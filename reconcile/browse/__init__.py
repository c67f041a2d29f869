"""Reads the runs of a folder for a page: what there is, what was found, orders by search, one order's trace, two runs
side by side. It judges nothing and opens no store.
"""
