"""Backups: one archive with the store, the files and the secrets of a stack."""
