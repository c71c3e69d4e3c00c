"""The API as the ``openai`` package speaks it: views of the same jobs."""
