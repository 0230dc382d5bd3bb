"""Weights of the pocket models, each a safetensors file with its card beside it as JSON."""
