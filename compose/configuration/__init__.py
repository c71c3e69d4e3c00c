"""The configuration reference and Compose's env.example, made from the settings' classes."""
