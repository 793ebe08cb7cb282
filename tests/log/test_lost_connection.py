"""A connection that is lost in the middle of a commit is told apart from a conflict; the answer still arrives."""

from __future__ import annotations

import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from commands.aggregate import Aggregate, evolves
from commands.context import Context
from commands.handling import Handling, Once, Repeated, Work
from eventstore.database import sync_pool
from eventstore.events import notes
from eventstore.message import Message
from eventstore.recorder import LogRecorder, VersionConflict
from projections.reading import Query
from tests.log.clusters import Pool
from tests.log.commanding import handling_on
from tests.log.events import renamed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOCKET = ".s.PGSQL.5432"


def carry_out(client: socket.socket, server: socket.socket) -> None:
    """Lets the server finish what it was sent, without a word to the client."""
    while True:
        readable, _, _ = select.select([client, server], [], [], 10)
        if client in readable:
            server.sendall(client.recv(65536))
        if not readable or (server in readable and b"Z\x00\x00\x00\x05I" in server.recv(65536)):
            return


class Proxy:
    """Between a client and the server. Cuts a connection once, at the message that holds `cut_at`: after the server has
    carried it out and before the client hears of it (`carried_out`), or before the server gets it."""

    def __init__(self, folder: Path, server: str) -> None:
        self.url = f"postgresql://postgres@/{conninfo_to_dict(server)['dbname']}?host={quote(str(folder), safe='')}"
        self.cut_at = b""
        self.carried_out = True
        self.meanwhile: Any = None
        self._server = str(Path(str(conninfo_to_dict(server)["host"])) / SOCKET)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Who closes a connection does not wait for what the other still says.
        with suppress(ConnectionError), client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client and self.cut_at and self.cut_at in data:
                        self.cut_at = b""
                        if self.carried_out:
                            server.sendall(data)
                            carry_out(client, server)
                        if self.meanwhile is not None:
                            self.meanwhile()
                        return
                    (server if source is client else client).sendall(data)


@pytest.fixture
def proxy(log_url: str) -> Iterator[Proxy]:
    # Names of sockets are short.
    with tempfile.TemporaryDirectory(prefix="ntc-proxy-") as folder:
        proxy = Proxy(Path(folder), log_url)
        yield proxy
        proxy.close()


@pytest.fixture
def shaky(proxy: Proxy) -> Iterator[Pool]:
    """Connections through the proxy."""
    with sync_pool(proxy.url, size=2, name="shaky") as pool:
        pool.wait()
        yield pool


def stored(pool: Pool) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute("SELECT stream, version FROM log.events ORDER BY position").fetchall()


@pytest.mark.parametrize("carried_out", [True, False])
def test_append_whose_connection_is_lost_has_one_effect(pool: Pool, shaky: Pool, proxy: Proxy, carried_out: bool) -> None:
    proxy.cut_at, proxy.carried_out = b"log.append", carried_out
    positions = LogRecorder(shaky).insert_events([renamed("note-1", 1), renamed("note-1", 2)])
    assert proxy.cut_at == b""
    assert stored(pool) == [("note-1", 1), ("note-1", 2)]
    with pool.connection() as connection:
        assert [(p,) for p in positions or []] == connection.execute("SELECT position FROM log.events ORDER BY 1").fetchall()


def test_append_of_somebody_else_in_that_moment_is_a_conflict(pool: Pool, shaky: Pool, proxy: Proxy) -> None:
    proxy.cut_at, proxy.carried_out = b"log.append", False
    proxy.meanwhile = lambda: LogRecorder(pool).insert_events([renamed("note-1", 1, "theirs")])
    with pytest.raises(VersionConflict):
        LogRecorder(shaky).insert_events([renamed("note-1", 1, "mine")])
    assert stored(pool) == [("note-1", 1)]


class Page(Aggregate):
    kind = "lostpage"
    title = ""

    @evolves(notes.NoteRenamed)
    def _renamed(self, event: notes.NoteRenamed) -> None:
        self.title = event.title


@pytest.fixture
def handling(shaky: Pool) -> Iterator[Handling[Any]]:
    with handling_on(shaky) as found:
        yield found


def rename(work: Work[Any]) -> str:
    page = work.find(Page, 1) or work.new(Page, 1)
    page.trigger(notes.NoteRenamed, NOW, title=f"{page.title}x")
    return page.title


TITLES = Query("SELECT string_agg(convert_from(data, 'UTF8')::json ->> 'title', ' ' ORDER BY position) FROM log.events", {})


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("with_key", [True, False])
def test_command_is_answered_although_its_connection_was_lost(
    pool: Pool, handling: Handling[Any], proxy: Proxy, carried_out: bool, with_key: bool
) -> None:
    # With a key the answer is fetched before the commit, so that it is a message of its own.
    proxy.cut_at, proxy.carried_out = b"COMMIT" if with_key else b"log.append", carried_out
    once = Once(1, "key", b"request", lambda title, row: (200, f"{title} {row and row[0]}".encode())) if with_key else None
    outcome = handling.run(rename, Context(actor=1, channel="web"), answer=lambda _: TITLES, once=once)
    assert proxy.cut_at == b""
    assert (outcome.result, outcome.row) == ("x", ("x",))
    assert stored(pool) == [("lostpage-1", 1)]
    if once is not None:
        with pytest.raises(Repeated) as repeated:
            handling.run(rename, Context(actor=1, channel="web"), once=once)
        assert repeated.value.body == b"x x"


def test_command_decides_again_when_somebody_else_was_first(pool: Pool, handling: Handling[Any], proxy: Proxy) -> None:
    proxy.cut_at, proxy.carried_out = b"log.append", False
    proxy.meanwhile = lambda: LogRecorder(pool).insert_events([renamed("lostpage-1", 1, "theirs")])
    outcome = handling.run(rename, Context(actor=1, channel="web"), answer=lambda _: TITLES)
    assert outcome.row == ("theirs theirsx",)


def test_server_that_went_away_and_came_back_is_not_noticed(pool: Pool, log_url: str) -> None:
    recorder = LogRecorder(pool)
    recorder.insert_events([renamed("note-1", 1)])
    with psycopg.connect(log_url, autocommit=True) as other:
        for version in range(2, 5):
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            assert len(recorder.select_events("note-1")) == version - 1
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            recorder.insert_events([renamed("note-1", version)])
    assert [version for _, version in stored(pool)] == [1, 2, 3, 4]


def test_full_disk_is_a_clear_error_and_nothing_is_half_done(pool: Pool) -> None:
    """The server answers a full disk with SQLSTATE 53100, here from a trigger."""
    recorder = LogRecorder(pool)
    with pool.connection() as connection:
        connection.execute(
            "CREATE FUNCTION log.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON log.events FOR EACH ROW WHEN (NEW.version = 2) EXECUTE FUNCTION log.full()"
        )
    with pytest.raises(psycopg.errors.DiskFull, match="No space left"):
        recorder.insert_events([renamed("note-1", 1), renamed("note-1", 2)])
    assert stored(pool) == []
    recorder.insert_events([renamed("note-1", 1)])
    assert stored(pool) == [("note-1", 1)]


class Failing:
    """Inline rows that cannot be queued, after the events have been."""

    inline_projections: str | None = None

    def __init__(self, reads: bool) -> None:
        self._reads = reads

    def load(self, message: Message) -> None:
        if self._reads:
            assert message.execute(b"SELECT 1").fetchone() == (1,)

    def committed(self) -> None: ...

    def rebuilt(self) -> None: ...

    def write(self, message: Message) -> None:
        raise ValueError("a bug in a projection")


@pytest.mark.parametrize("reads", [True, False])
def test_bug_in_a_projection_leaves_no_event(pool: Pool, reads: bool) -> None:
    with pytest.raises(ValueError, match="a bug"):
        LogRecorder(pool).insert_events([renamed("note-1", 1)], alongside=lambda: Failing(reads))
    assert stored(pool) == []
