"""The whole log as a file, and back."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from eventstore.archive import ArchiveDamaged, NotEmpty, export_archive, import_archive
from eventstore.forgetting import Forgetting, forget
from eventstore.migrate import migrate
from eventstore.recorder import LogRecorder
from eventstore.verify import verify_log
from projections.catalog import ALL_PROJECTIONS
from settings import load_settings
from tests.concurrency.writers import append, roll_back
from tests.log.clusters import Pool, fresh_database
from tests.log.events import renamed
from wiring import prepare

COLUMNS = "position, stream, version, type, convert_from(data, 'UTF8'), convert_from(metadata, 'UTF8')::jsonb, recorded_at"


@pytest.fixture
def other_url(postgres_url: str) -> Iterator[str]:
    """An empty log elsewhere."""
    for url in fresh_database(postgres_url):
        migrate(url)
        yield url


def rows(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT {COLUMNS} FROM log.events ORDER BY position".encode()).fetchall()


@pytest.fixture
def filled(pool: Pool, log_url: str) -> str:
    recorder = LogRecorder(pool)
    for number in range(1, 6):
        recorder.insert_events([renamed(f"note-{number}", version, f"title \u0131 {version}") for version in range(1, 4)])
        roll_back(pool, [renamed(f"gone-{number}", 1)])
    with pool.connection() as connection:
        connection.execute("SELECT setval('log.note_ids', 77)")
        connection.execute("INSERT INTO log.reactors (name, position) VALUES ('mail', 4)")
        assert forget(connection, [Forgetting("note-2", last=2)]) == 2
    return log_url


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_imported_log_is_the_exported_one_and_goes_on(filled: str, other_url: str, tmp_path: Path, name: str) -> None:
    told: list[tuple[int, int]] = []
    exported = export_archive(filled, tmp_path / name, lambda done, size: told.append((done, size)))
    assert (exported.events, told[-1]) == (15, (15, 15))
    assert import_archive(other_url, tmp_path / name) == exported
    assert rows(other_url) == rows(filled)
    assert list(verify_log(other_url)) == []
    with psycopg.connect(other_url, autocommit=True) as connection:
        assert connection.execute("SELECT nextval('log.note_ids')").fetchone() == (78,)
        assert connection.execute("SELECT name, position FROM log.reactors").fetchall() == [("mail", 4)]
        assert append(connection, [renamed("note-2", 4)])[0] > exported.head


def test_export_waits_for_positions_that_may_still_be_filled(pool: Pool, log_url: str, tmp_path: Path) -> None:
    held, release = Event(), Event()

    def slow() -> None:
        with pool.connection() as connection, connection.transaction():
            append(connection, [renamed("slow-1", 1)])
            held.set()
            release.wait(20)

    with ThreadPoolExecutor(2) as threads:
        threads.submit(slow)
        held.wait(20)
        LogRecorder(pool).insert_events([renamed("quick-1", 1)])
        exporting = threads.submit(export_archive, log_url, tmp_path / "log.jsonl")
        while not list(tmp_path.iterdir()):
            pass
        release.set()
        assert exporting.result().events == 2
    assert (tmp_path / "log.jsonl").read_bytes().count(b'"slow-1"') == 1


def test_log_with_events_is_not_imported_into(filled: str, tmp_path: Path) -> None:
    export_archive(filled, tmp_path / "log.jsonl")
    with pytest.raises(NotEmpty):
        import_archive(filled, tmp_path / "log.jsonl")


@pytest.mark.parametrize("harm", ["cut", "changed", "swapped", "no end", "garbage", "appended"])
def test_damaged_file_is_refused_before_anything_is_written(filled: str, other_url: str, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "log.jsonl"
    export_archive(filled, path)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    match harm:
        case "cut":
            content = content[: len(content) // 2]
        case "changed":
            content = content.replace(b"note-3", b"note-9")
        case "swapped":
            content = b"".join([lines[0], lines[2], lines[1], *lines[3:]])
        case "no end":
            content = b"".join(lines[:-1])
        case "garbage":
            content = b"not an archive\n"
        case _:
            content += lines[1]
    path.write_bytes(content)
    with pytest.raises(ArchiveDamaged):
        import_archive(other_url, path)
    assert rows(other_url) == []


def test_cut_compressed_file_is_refused(filled: str, other_url: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    export_archive(filled, path)
    assert gzip.decompress(path.read_bytes()).startswith(b'{"archive"')
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveDamaged):
        import_archive(other_url, path)


def test_cancelled_import_leaves_the_log_empty(filled: str, other_url: str, tmp_path: Path) -> None:
    export_archive(filled, tmp_path / "log.jsonl")

    def cancel(done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_archive(other_url, tmp_path / "log.jsonl", cancel)
    assert rows(other_url) == []


def test_cancelled_export_leaves_no_file(filled: str, tmp_path: Path) -> None:
    def cancel(done: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_archive(filled, tmp_path / "log.jsonl", cancel)
    assert list(tmp_path.iterdir()) == []


HARM = {
    "version": "DELETE FROM log.events WHERE stream = 'note-3' AND version = 2",
    "type": "UPDATE log.events SET type = 'NoteTeleported' WHERE stream = 'note-3' AND version = 2",
    "payload": "UPDATE log.events SET data = '{\"tit' WHERE stream = 'note-3' AND version = 2",
    "metadata": "UPDATE log.events SET metadata = 'x' WHERE stream = 'note-3' AND version = 2",
    "snapshot": "INSERT INTO log.snapshots VALUES ('note-3', 9, 'note@1', '{}')",
    "forgotten": "INSERT INTO log.snapshots VALUES ('note-2', 3, 'note@1', '{}')",
    "follower": "UPDATE log.reactors SET position = 1000",
    "position": "SELECT setval('log.events_position_seq', 3)",
    "ids": "SELECT setval('log.note_ids', 2)",
}


@pytest.mark.parametrize("kind", HARM)
def test_verify_names_what_is_wrong(filled: str, kind: str) -> None:
    assert list(verify_log(filled)) == []
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(HARM[kind].encode())
    assert {finding.kind for finding in verify_log(filled)} == {kind}


def test_read_models_of_an_import_that_was_interrupted_are_built_at_the_next_start(filled: str, other_url: str, tmp_path: Path) -> None:
    export_archive(filled, tmp_path / "log.jsonl")
    settings = load_settings(database_url=other_url, data_dir=tmp_path)
    prepare(settings)
    import_archive(other_url, tmp_path / "log.jsonl")
    assert set(prepare(settings).rebuilt) == {projection.name for projection in ALL_PROJECTIONS}
    assert prepare(settings).rebuilt == ()


def test_what_reactors_left_undone_is_taken_along(filled: str, other_url: str, tmp_path: Path) -> None:
    park = "INSERT INTO log.parked_streams (projection, stream, position, error) VALUES (%s, %s, %s, %s)"
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(park, ("reactor:mail", "note-1", 2, "refused"))
        connection.execute(park, ("search", "note-3", 5, "a read model's own affair"))
    export_archive(filled, tmp_path / "log.jsonl")
    import_archive(other_url, tmp_path / "log.jsonl")
    with psycopg.connect(other_url) as connection:
        found = connection.execute("SELECT projection, stream, position, error FROM log.parked_streams").fetchall()
    assert found == [("reactor:mail", "note-1", 2, "refused")]


def test_uses_of_sessions_are_taken_along_while_they_keep_somebody_signed_in(filled: str, other_url: str, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("INSERT INTO log.session_uses VALUES (1, 8, now()), (2, 8, now() - interval '25 hours')")
        used = connection.execute("SELECT session_id, account_id, used_at FROM log.session_uses WHERE session_id = 1").fetchall()
    export_archive(filled, tmp_path / "log.jsonl")
    import_archive(other_url, tmp_path / "log.jsonl")
    with psycopg.connect(other_url) as connection:
        assert connection.execute("SELECT session_id, account_id, used_at FROM log.session_uses").fetchall() == used
