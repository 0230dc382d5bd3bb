"""The product around the science: HTTP API, pages, command line, settings."""
