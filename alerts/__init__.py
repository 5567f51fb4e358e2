"""Alerts of the whole service: what is wrong, and who is told."""
