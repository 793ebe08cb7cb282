"""Forgetting overwrites in place, in the transaction of the event that tells of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from psycopg_pool import ConnectionPool

from commands.aggregate import Aggregate, evolves
from commands.context import Context
from commands.handling import Once, Work
from eventstore.events import Event, notes
from eventstore.forgetting import Forgetting
from projections.reading import Query
from tests.dumps import dumped

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Page(Aggregate):
    kind = "page"
    snapshot_every = 3
    title: str
    gone = False

    @evolves(notes.NoteRenamed)
    def _renamed(self, event: notes.NoteRenamed) -> None:
        self.title = event.title

    @evolves(notes.NotePublished)
    def _published(self, event: Event) -> None:
        self.gone = True


def rename(title: str) -> Any:
    def decide(work: Work[Any]) -> str:
        page = work.find(Page, 1) or work.new(Page, 1)
        page.trigger(notes.NoteRenamed, NOW, title=title)
        return title

    return decide


def purge(work: Work[Any]) -> None:
    page = work.find(Page, 1)
    assert page is not None
    page.trigger(notes.NotePublished, NOW)
    work.forget(page)


def everything(pool: ConnectionPool[Any]) -> str:
    with pool.connection() as connection:
        columns = [
            ("events", "data"), ("events", "metadata"), ("snapshots", "data"), ("idempotency", "answer"),
        ]  # fmt: skip
        texts = [
            value.decode() for table, column in columns for (value,) in connection.execute(f"SELECT {column} FROM log.{table}".encode())
        ]
    return "\n".join(texts)


def test_dump_does_not_hold_what_was_forgotten(handling: Any, pool: ConnectionPool[Any], log_url: str) -> None:
    context = Context(actor=1, channel="web", reason="Wednesday's secret", client="secretphone")
    once = Once(1, "key", b"request", lambda title, _: (200, title.encode()))
    handling.run(rename("secret one"), context, once=once)
    for number in range(5):
        handling.run(rename(f"secret {number}"), Context(actor=1, channel="web", reason="secret"))
    handling.log.flush()
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM log.snapshots").fetchone() == (2,)
    assert everything(pool).count("secret") == 6 + 7 + 2 + 1
    outcome = handling.run(purge, Context(actor=1, channel="web"))
    assert outcome.positions == [7]
    with pool.connection() as connection:
        rows = connection.execute(
            "SELECT version, type, length(data) > 0, convert_from(metadata, 'UTF8')::json ->> 'actor' FROM log.events ORDER BY 1"
        ).fetchall()
        assert rows == [(n, "NoteRenamed", False, "1") for n in range(1, 7)] + [(7, "NotePublished", True, "1")]
        assert connection.execute("SELECT status FROM log.idempotency").fetchall() == [(410,)]
        assert connection.execute("SELECT count(*) FROM log.snapshots").fetchone() == (0,)
    assert "secret" not in everything(pool)
    assert b"secret".hex() not in dumped(log_url, "--schema=log")


def test_an_answer_that_is_just_being_kept_is_forgotten_as_well(handling: Any, pool: ConnectionPool[Any]) -> None:
    handling.run(rename("secret"), Context(actor=1, channel="web"))

    def write_beside(work: Work[Any]) -> None:
        work.new(Page, 2).trigger(notes.NoteRenamed, NOW, title="beside")

    def purge_shown(work: Work[Any]) -> None:
        purge(work)
        work.forget(Forgetting("page-1", shown_as=('"note_id":1',)))

    purges = []
    with ThreadPoolExecutor(1) as thread:

        def render(_: object, row: Any) -> tuple[int, bytes]:
            """The answer has been read and is not kept yet."""
            purging = thread.submit(handling.run, purge_shown, Context(actor=1, channel="web"))
            purges.append(purging)
            with pool.connection() as connection:
                while not purging.done() and connection.execute(_FORGETTING_WAITS).fetchone() is None:
                    time.sleep(0.01)
            assert row is not None
            return 200, b'{"note_id":1,"of":%s}' % row[0]

        once = Once(1, "key", b"request", render)
        query = Query("SELECT data FROM log.events LIMIT 1", {})
        handling.run(write_beside, Context(actor=1, channel="web"), lambda _: query, once=once)
    assert purges[0].result().positions
    assert "secret" not in everything(pool)


_FORGETTING_WAITS = """
SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND locktype = 'advisory' AND datname = current_database() AND mode = 'ExclusiveLock'"""


def test_who_keeps_an_answer_has_its_turn_before_it_holds_what_those_who_forget_wait_for(handling: Any) -> None:
    """The other way around they would wait for each other: who forgets takes its turn first, and rows only then."""

    def write_beside(work: Work[Any]) -> None:
        work.new(Page, 2).trigger(notes.NoteRenamed, NOW, title="beside")
        work.require(Query(_HAS_ITS_TURN, {}))

    once = Once(1, "key", b"request", lambda *_: (200, b"{}"))
    assert handling.run(write_beside, Context(actor=1, channel="web"), once=once).positions


_HAS_ITS_TURN = """
SELECT log.require(EXISTS (
    SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objid = 7266107 AND mode = 'ShareLock'))"""
