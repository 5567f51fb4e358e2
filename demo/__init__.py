"""A realistic day for the running service, to see what it decides."""
