"""The command by which a person looks after orders: ``python -m control --help``."""
