"""What goes over the wire: forms in, answers out, and their examples."""
