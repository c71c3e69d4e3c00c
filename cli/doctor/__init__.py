"""``caravan doctor``: what ails an installation, and what to do. One subject a module."""
