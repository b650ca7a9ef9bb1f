"""The two protocols and the translation between them. Pure: no I/O, no clock, no randomness, no async."""
