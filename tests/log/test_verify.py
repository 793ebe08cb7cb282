"""The log is checked: each way in which it can be falsified by hand is found, and its place is named."""

from __future__ import annotations

import psycopg
import pytest

from eventstore.verify import verify_log

EVENTS = "UPDATE log.events SET {} WHERE stream = 'note-3' AND version = 2"
HARMS: list[tuple[str, str, str]] = [
    ("version", "note-3@3", "DELETE FROM log.events WHERE stream = 'note-3' AND version = 2"),
    ("version", "note-3@2", "DELETE FROM log.events WHERE stream = 'note-3' AND version = 1"),
    ("version", "note-3@7", "UPDATE log.events SET version = 7 WHERE stream = 'note-3' AND version = 3"),
    ("version", "note-3@0", "UPDATE log.events SET version = 0 WHERE stream = 'note-3' AND version = 1"),
    ("version", "note-77@2", "UPDATE log.events SET stream = 'note-77' WHERE stream = 'note-3' AND version = 2"),
    ("version", "note-3@3", "UPDATE log.events SET position = -version WHERE stream = 'note-3' AND version = 3"),
    ("time", "note-3@2", EVENTS.format("recorded_at = recorded_at - interval '1 microsecond'")),
    ("type", "note-3@2", EVENTS.format("type = 'NoteTeleported'")),
    ("payload", "note-3@2", EVENTS.format("data = '{\"tit'")),
    ("payload", "note-3@2", EVENTS.format("data = '[]'")),
    ("payload", "note-3@2", EVENTS.format('data = \'{"titel":"another field"}\'')),
    ("payload", "note-3@2", EVENTS.format("type = 'NoteDescribed'")),
    ("payload", "note-3@2", EVENTS.format("data = '\\xff'")),
    ("metadata", "note-3@2", EVENTS.format("metadata = 'x'")),
    ("actor", "note-3@2", EVENTS.format("actor = 77")),
    ("actor", "note-3@2", EVENTS.format("undoes = NOT undoes")),
    ("snapshot", "note-3@9", "INSERT INTO log.snapshots SELECT 'note-3', 9, type, data FROM log.snapshots"),
    ("snapshot", "note-9@1", "INSERT INTO log.snapshots SELECT 'note-9', 1, type, data FROM log.snapshots"),
    ("snapshot", "note-4@2", "UPDATE log.snapshots SET data = '{\"at'"),
    ("snapshot", "note-4@2", "UPDATE log.snapshots SET data = '{}'"),
    ("snapshot", "note-4@2", "UPDATE log.snapshots SET type = 'note'"),
    ("forgotten", "note-2@3", "INSERT INTO log.snapshots SELECT 'note-2', 3, type, data FROM log.snapshots"),
    ("follower", "mail", "UPDATE log.reactors SET position = 1000"),
    ("follower", "search", "INSERT INTO log.projections VALUES ('search', 1, 'following', 1000)"),
    ("position", "log.events_position_seq", "SELECT setval('log.events_position_seq', 3)"),
    ("ids", "log.note_ids", "SELECT setval('log.note_ids', 2)"),
]


@pytest.mark.parametrize(("kind", "place", "harm"), HARMS, ids=[f"{kind} {number}" for number, (kind, _, _) in enumerate(HARMS)])
def test_verify_names_what_is_wrong_and_where(filled: str, kind: str, place: str, harm: str) -> None:
    assert list(verify_log(filled)) == []
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(harm.encode())
    found = list(verify_log(filled))
    assert {finding.kind for finding in found} == {kind}
    assert place in {finding.place for finding in found}
