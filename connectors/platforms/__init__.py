"""One wire protocol a file."""
