"""A log in a database of its own, on each PostgreSQL."""

from tests.log.clusters import each_postgres_url, empty_url, log_url, migrated, oldest_postgres_url, pool

__all__ = ["each_postgres_url", "empty_url", "log_url", "migrated", "oldest_postgres_url", "pool"]
