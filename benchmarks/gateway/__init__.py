"""What a submit costs, beside a route that does nothing and one that calls apply_async."""
