"""Whole jobs through the whole stack, beside the bare engine and beside other servers."""
