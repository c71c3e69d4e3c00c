"""The workshop, offline: it gets models, labels them and measures them."""
