"""What Prometheus does for the service: the objectives said in Python, the rest in YAML."""
