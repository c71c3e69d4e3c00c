"""The whole stack over the llamacpp engine beside llama.cpp's own server."""
