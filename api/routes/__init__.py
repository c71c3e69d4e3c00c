"""One module a resource; each exports ``router``."""
