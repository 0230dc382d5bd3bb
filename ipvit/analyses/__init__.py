"""What one image tells: each analysis is a pure function that API, command line and workers share."""
