"""Slots decoded together, for every model that runs in this process; needs no torch."""
