"""The models this project knows, one table a family."""
