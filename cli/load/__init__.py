"""Load for a gateway: a closed loop, and what came of it."""
