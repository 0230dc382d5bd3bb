"""What one image tells: pure functions that API, command line and workers share."""
