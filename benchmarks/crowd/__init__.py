"""Thousands who wait at one gateway: what each costs, and whether all of them hear everything."""
