"""Making a projection's tables, in a schema of the projection's name or beside it during a rebuild."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from projections.base import Projection

BUILD_LOCK = 7266102
"""Held by whoever makes or swaps tables, so that two processes never do."""


def create_tables(connection: Connection[TupleRow], projection: Projection, schema: str) -> None:
    """The empty tables with their primary keys; secondary indexes come with finish_tables."""
    connection.execute(f"CREATE SCHEMA {schema}".encode())
    for table in projection.tables:
        connection.execute(table.create_sql(schema).encode())
        if table.storage:
            connection.execute(f"ALTER TABLE {schema}.{table.name} {table.storage}".encode())


def finish_tables(connection: Connection[TupleRow], projection: Projection, schema: str) -> None:
    """Indexes and unique rules, once the rows are loaded."""
    for table in projection.tables:
        if table.ddl:
            connection.execute(table.ddl.format(schema=schema).encode())


def create_missing(connection: Connection[TupleRow], projections: Sequence[Projection]) -> list[str]:
    """Makes the tables of projections that this store has never had, and returns their names.

    Only right for a store without events: behind existing events new tables have to be rebuilt.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (BUILD_LOCK,))
        known = {name for (name,) in connection.execute("SELECT name FROM log.projections")}
        missing = [projection for projection in projections if projection.name not in known]
        for projection in missing:
            create_tables(connection, projection, projection.name)
            finish_tables(connection, projection, projection.name)
            connection.execute(
                "INSERT INTO log.projections (name, version, lifecycle, position) VALUES (%s, %s, %s, %s)",
                (projection.name, projection.version, projection.lifecycle, None if projection.lifecycle == "inline" else 0),
            )
        record_fingerprint(connection)
    return [projection.name for projection in missing]


def record_fingerprint(connection: Connection[TupleRow]) -> None:
    """Notes which inline projections the live tables belong to, and that they are new; see log.guard and projections.inline."""
    connection.execute(
        "INSERT INTO log.facts (name, value)"
        " SELECT 'inline_projections', coalesce(string_agg(name || '=' || version, ' ' ORDER BY name COLLATE \"C\"), '')"
        " || ' #' || nextval('log.builds')"
        " FROM log.projections WHERE lifecycle = 'inline'"
        " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
    )


def drop_leftovers(connection: Connection[TupleRow]) -> None:
    """Drops what rebuilds and verifications left behind that were killed. The caller holds BUILD_LOCK exclusively."""
    found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '__(next|old|verify[0-9]+)$' ORDER BY nspname").fetchall()
    for (schema,) in found:
        drop_schema(connection, schema)


def drop_schema(connection: Connection[TupleRow], schema: str) -> None:
    """Drops a schema that nobody needs any more, waiting for statements that still read its tables."""
    connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
