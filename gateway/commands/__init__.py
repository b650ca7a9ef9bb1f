"""One module for each command; each has `add_arguments(parser)` and `run(arguments) -> int`, the exit code."""
