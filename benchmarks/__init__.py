"""How fast the project is, beside what this machine could do; run by `make bench`."""
