"""The dashboards: said in Python, imported as the JSON beside it."""
