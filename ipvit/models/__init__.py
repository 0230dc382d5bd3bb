"""The models: what exists (specs), how it is built, fetched and loaded."""
