"""What every request passes through, one pure ASGI class a file."""
