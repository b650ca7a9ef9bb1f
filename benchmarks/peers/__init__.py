"""The gateways that chatrix is compared with, as anyone gets them: exact releases, from lock files with hashes.

Nothing of theirs is in chatrix or in its tests. Each is installed below the bench's cache, the first time it is asked
for, and started with no more than what it documents: an endpoint on loopback, invented credentials, no telemetry.
"""
