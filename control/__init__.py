"""The command by which a person looks after the service: ``python -m control --help``."""
