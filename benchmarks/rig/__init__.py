"""Upstream and clients of the bench, in C (build.py)."""
