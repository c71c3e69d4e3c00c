"""What each process takes: memory at rest and after work, and time until it is ready."""
