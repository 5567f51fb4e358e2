"""What watches the service from outside, and what checks its ground."""
