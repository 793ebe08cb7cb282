"""A log in a database of its own, on each PostgreSQL."""

from tests.log.clusters import empty_url, log_url, oldest_postgres_url, pool

__all__ = ["empty_url", "log_url", "oldest_postgres_url", "pool"]
