"""The launcher: starts the whole stack on one machine, and stops it."""
