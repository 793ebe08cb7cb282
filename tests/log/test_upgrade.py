"""Migrations of a log that an older release has written."""

from __future__ import annotations

import hashlib

import psycopg

from commands.context import Context
from eventstore.migrate import migrate, migrations


def _migrated_before(url: str, first_left_out: str) -> None:
    """As the last release left it that did not know this migration."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA log")
        connection.execute("CREATE TABLE log.migrations (name text PRIMARY KEY, sha256 text, applied_at timestamptz DEFAULT now())")
        for name, script in migrations():
            if name < first_left_out:
                connection.execute(script.encode())
                digest = hashlib.sha256(script.encode()).hexdigest()
                connection.execute("INSERT INTO log.migrations (name, sha256) VALUES (%s, %s)", (name, digest))


def test_registrations_that_expired_before_are_overwritten(empty_url: str) -> None:
    _migrated_before(empty_url, "0071")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for stream, version, type_name in (
            ("account-1", 1, "AccountRegistered"), ("account-1", 2, "RegistrationRenewed"), ("account-1", 3, "RegistrationExpired"),
            ("account-2", 1, "AccountRegistered"),
        ):  # fmt: skip
            connection.execute(
                "INSERT INTO log.events (stream, version, type, data, metadata, recorded_at) VALUES (%s, %s, %s, %s, %s, now())",
                (stream, version, type_name, b'{"email":"somebody@example.org"}', b'{"actor":null}'),
            )
        assert migrate(empty_url)[:1] == ["0071_expired_registrations"]
        left = connection.execute("SELECT stream, version, data <> '' FROM log.events ORDER BY stream, version").fetchall()
    assert left == [("account-1", 1, False), ("account-1", 2, False), ("account-1", 3, True), ("account-2", 1, True)]


def test_events_of_before_name_their_actors(empty_url: str) -> None:
    _migrated_before(empty_url, "0082")
    written = [b'{"actor":7,"channel":"web"}', b'{"actor":7,"channel":"web","undoes":"c"}', b'{"actor":null,"channel":"cli"}']
    columns = "stream, version, type, data, metadata, recorded_at"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for version, metadata in enumerate(written, 1):
            insert = f"INSERT INTO log.events ({columns}) VALUES ('note-1', %s, 'NoteRenamed', '{{}}', %s, now())"
            connection.execute(insert.encode(), (version, metadata))
        assert "0082_actors" in migrate(empty_url)
        append = "SELECT log.append(NULL, '{note-1}', '{4}', '{NoteRenamed}', ARRAY['{}'::bytea], %s, ARRAY[now()])"
        connection.execute(append, (written[1],))
        found = connection.execute("SELECT actor, undoes FROM log.events ORDER BY version").fetchall()
    assert found == [(7, False), (7, True), (None, False), (7, True)]


def test_events_that_were_forgotten_before_name_their_actors(empty_url: str) -> None:
    _migrated_before(empty_url, "0082")
    about = Context(actor=7, channel="web", request_id="r", session=4, client="a", key="ntc_5d0a", reason="b", causation=3, undoes="c")
    columns = "stream, version, type, data, metadata, recorded_at"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for version, metadata in enumerate([about.metadata(), Context(actor=7, channel="cli").metadata()] * 2, 1):
            insert = f"INSERT INTO log.events ({columns}) VALUES ('note-1', %s, 'NoteRenamed', '{{}}', %s, now())"
            connection.execute(insert.encode(), (version, metadata))
        connection.execute("SELECT log.forget('{note-1}', '{1}', '{2}', '{}')")
        migrate(empty_url)
        connection.execute("SELECT log.forget('{note-1}', '{3}', '{4}', '{}')")
        found = connection.execute("SELECT actor, log.actor(metadata), data, undoes FROM log.events ORDER BY version").fetchall()
    assert found == [(7, 7, b"", True), (7, 7, b"", False)] * 2
