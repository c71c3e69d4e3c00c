"""Reads what ``measure`` wrote; makes the table, the plots and the recommendation."""
