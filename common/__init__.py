"""The wire contract: only what two deployables must agree on. No HTTP, no model."""
