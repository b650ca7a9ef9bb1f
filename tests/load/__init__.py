"""Load by simulated sessions of Claude Code: `make load`."""
