"""One module for each command; each has `add_arguments(parser)` and `run(arguments) -> int`, the exit code."""

import argparse


def tokens_per_second(text: str) -> float:
    """The simulator's pace, as an argument of the command line."""
    rate = float(text)
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError("a rate is 0 or more tokens a second")
    return rate
