"""Webhooks as their owner sees them: endpoints, secrets, and the ledger of deliveries."""
