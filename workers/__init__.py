"""The engine that runs networks, and the tasks that a backend calls by name."""
