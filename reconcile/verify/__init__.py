"""The second path: each violation is verified in both stores by code of its own before it is reported."""
