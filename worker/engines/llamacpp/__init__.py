"""GGUF models through llama.cpp; importing this loads neither numpy nor the native library."""
