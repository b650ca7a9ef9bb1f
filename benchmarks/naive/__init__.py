"""The gateway that a good developer writes in an afternoon (gateway.py)."""
