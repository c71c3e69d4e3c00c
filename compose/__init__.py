"""How the service is run as a whole: here, in containers, and what observes it."""
