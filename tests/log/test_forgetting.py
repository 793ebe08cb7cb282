"""Forgetting overwrites in place, in the transaction of the event that tells of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from commands.aggregate import Aggregate, evolves
from commands.context import Context
from commands.handling import Handling, Once, Work
from eventstore import embedded
from eventstore.application import Log
from eventstore.events import Event, notes
from projections.inline import InlineProjections
from projections.lookups import SqlLookups
from projections.schema import create_missing

PROGRAMS = embedded.programs()
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


@pytest.fixture
def handling(pool: ConnectionPool[Any]) -> Any:
    log = Log(pool)
    with pool.connection() as connection:
        create_missing(connection, [])
    yield Handling(log, SqlLookups(pool), InlineProjections([]))
    log.close()


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


def dump(url: str) -> str:
    return subprocess.run([PROGRAMS / "pg_dump", "--schema=log", url], check=True, capture_output=True, text=True).stdout


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
    assert b"secret".hex() not in dump(log_url)
