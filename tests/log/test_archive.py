"""The whole log as a file, and back."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from eventstore.archive import ArchiveDamaged, NoPlace, NotEmpty, NotExportable, check_archive, export_archive, import_archive, reserved
from eventstore.blob_archive import blob_folder
from eventstore.migrate import migrate
from eventstore.recorder import LogRecorder
from eventstore.verify import verify_log
from projections.catalog import ALL_PROJECTIONS
from settings import load_settings
from tests.concurrency.writers import append
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


@pytest.mark.parametrize("harm", ["cut", "changed", "swapped", "no end", "no head", "garbage", "appended"])
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
        case "no head":
            content = b"".join([lines[0].replace(b'"head"', b'"hair"'), *lines[1:]])
        case "garbage":
            content = b"not an archive\n"
        case _:
            content += lines[1]
    path.write_bytes(content)
    with pytest.raises(ArchiveDamaged):
        import_archive(other_url, path)
    assert rows(other_url) == []


def test_archive_of_a_newer_release_is_refused_with_the_reason(filled: str, other_url: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    export_archive(filled, path)
    *lines, last = path.read_bytes().replace(b"NoteRenamed", b"NoteTeleported").splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, last.replace(json.loads(last)["sha256"].encode(), sha256(b"".join(lines)).hexdigest().encode())]))
    with pytest.raises(ArchiveDamaged, match="unknown event type NoteTeleported in note-1@1"):
        import_archive(other_url, path)
    assert rows(other_url) == []


@pytest.mark.parametrize("harm", ["data = '{\"tit'", "data = '[]'", "metadata = 'x'", "type = 'NoteTeleported'"])
def test_event_that_could_not_be_imported_is_not_exported(filled: str, tmp_path: Path, harm: str) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(f"UPDATE log.events SET {harm} WHERE stream = 'note-3' AND version = 2".encode())
    with pytest.raises(NotExportable, match=r"note-3@2 at position 10 cannot be read"):
        export_archive(filled, tmp_path / "log.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_export_takes_away_what_a_killed_one_left(filled: str, tmp_path: Path) -> None:
    place = tmp_path / "log.jsonl.gz"
    (tmp_path / ".log.jsonl.gz.part").write_bytes(b"half of it")
    export_archive(filled, place)
    assert list(tmp_path.iterdir()) == [place]
    assert place.stat().st_mode & 0o777 == 0o600


def test_payload_with_line_breaks_stays_one_line(filled: str, other_url: str, tmp_path: Path) -> None:
    """As somebody may have mended it by hand."""
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("UPDATE log.events SET data = E'{\\n  \"title\": \"mended\"\\n}'::bytea WHERE stream = 'note-3' AND version = 2")
    export_archive(filled, tmp_path / "log.jsonl")
    import_archive(other_url, tmp_path / "log.jsonl")
    with psycopg.connect(other_url) as connection:
        found = connection.execute("SELECT data ->> 'title' FROM log.readable_events WHERE stream = 'note-3' AND version = 2").fetchone()
    assert found == ("mended",)


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


def test_export_to_a_link_fills_the_file_that_it_names(filled: str, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "latest.gz").symlink_to("real/target.gz")
    done = export_archive(filled, tmp_path / "latest.gz")
    assert (tmp_path / "latest.gz").is_symlink()
    assert check_archive(tmp_path / "real" / "target.gz") == done
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["target.gz"]
    assert blob_folder(tmp_path / "latest.gz") == tmp_path / "real" / "target.gz.files"


def test_whether_it_is_compressed_goes_by_the_name_of_the_real_file_and_it_is_read_under_any_name(filled: str, tmp_path: Path) -> None:
    for link, real in (("latest", "log.jsonl.gz"), ("latest.gz", "log.jsonl")):
        (tmp_path / link).symlink_to(real)
        done = export_archive(filled, tmp_path / link)
        assert (tmp_path / real).read_bytes().startswith(b"\x1f\x8b") == real.endswith(".gz")
        assert check_archive(tmp_path / link) == check_archive(tmp_path / real) == done


def test_what_is_no_file_is_not_replaced_by_an_export(filled: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("pipe")
    before = {path.name: path.lstat() for path in tmp_path.iterdir()}
    for name in before:
        with pytest.raises(NoPlace, match="is not a file"):
            export_archive(filled, tmp_path / name)
    assert {path.name: path.lstat() for path in tmp_path.iterdir()} == before


def test_place_of_an_export_is_its_own_until_it_ends(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("log.jsonl")
    with reserved(tmp_path / "log.jsonl"):
        for name in ("log.jsonl", "link"):
            with pytest.raises(NoPlace, match="Another export"), reserved(tmp_path / name):
                pass
        with reserved(tmp_path / "other.jsonl"):
            pass
    with reserved(tmp_path / "link"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


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


def test_every_changed_bit_of_a_compressed_file_is_told_as_damage(filled: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    export_archive(filled, path)
    content, whole = path.read_bytes(), check_archive(path)
    told = 0
    for place in range(0, len(content), max(1, len(content) // 150)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            # The compression's own head holds a time and a name, on which nothing depends.
            assert check_archive(path) == whole
        except ArchiveDamaged:
            told += 1
    assert told >= 100
