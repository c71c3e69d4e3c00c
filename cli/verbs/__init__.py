"""One verb of ``caravan`` a module; what it needs is imported when it runs."""
