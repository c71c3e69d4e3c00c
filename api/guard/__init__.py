"""Says how much a text looks like a prompt injection; docs/guard.md has the figures."""
