"""The only place that knows PostgreSQL: one module a table family, named SQL, one pool."""
