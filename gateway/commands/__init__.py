"""One module per command of the command line; each has `add_arguments(parser)` and `run(arguments) -> int` (the exit code)."""
