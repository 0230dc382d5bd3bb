"""Data sets: found, indexed, decoded once."""
