"""A dump that is restored into another cluster goes on where it was."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from eventstore import embedded
from eventstore.database import sync_pool
from eventstore.migrate import migrate, pending
from eventstore.programs import program_folder
from eventstore.reader import LogReader
from eventstore.recorder import LogRecorder
from eventstore.verify import verify_log
from settings import embedded_conninfo
from tests.concurrency.writers import append, roll_back
from tests.log.clusters import fresh_database
from tests.log.events import renamed


@pytest.fixture
def other_cluster() -> Iterator[str]:
    """A young PostgreSQL: its transaction ids are far behind those of the one that the dump comes from."""
    folder = Path(tempfile.mkdtemp(prefix="ntc-other-"))
    embedded.ensure_running(folder)
    yield from fresh_database(embedded_conninfo(folder, "postgres"))
    embedded.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_restored_log_goes_on(postgres_url: str, other_cluster: str) -> None:
    for url in fresh_database(postgres_url):
        migrate(url)
        with sync_pool(url, size=2, name="tests") as pool:
            recorder, reader = LogRecorder(pool), LogReader(pool)
            for number in range(50):
                recorder.insert_events([renamed(f"page-{number}", 1)])
                roll_back(pool, [renamed("gone-1", 1)])
            seen = [row.position for row in reader.read(0, 30)]
            programs = program_folder()
            dump = subprocess.run([programs / "pg_dump", url], check=True, capture_output=True).stdout
    restore = [str(programs / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", other_cluster]
    subprocess.run(restore, input=dump, check=True, stdout=subprocess.DEVNULL)
    assert pending(other_cluster) == []
    assert list(verify_log(other_cluster)) == []
    with sync_pool(other_cluster, size=3, name="tests") as pool, psycopg.connect(other_cluster) as slow:
        recorder, reader = LogRecorder(pool), LogReader(pool)
        while rows := reader.read(seen[-1], 30):
            seen += [row.position for row in rows]
        assert len(seen) == 50
        assert append(slow, [renamed("slow-1", 1)])[0] > 99
        recorder.insert_events([renamed("page-7", 2)])
        assert reader.read(seen[-1], 30) == []
        slow.commit()
        assert [(row.stream, row.version) for row in reader.read(seen[-1], 30)] == [("slow-1", 1), ("page-7", 2)]


def test_after_an_error_the_reader_takes_the_log_for_another_one(postgres_url: str) -> None:
    """One that was restored from a backup may be shorter: its positions are given out once more, and its gaps are open again."""
    for url in fresh_database(postgres_url):
        migrate(url)
        with sync_pool(url, size=3, name="tests") as pool, psycopg.connect(url) as slow:
            recorder, reader = LogRecorder(pool), LogReader(pool)
            for number in range(5):
                roll_back(pool, [renamed("gone-1", 1)])
                recorder.insert_events([renamed(f"page-{number}", 1)])
            assert len(reader.read(0, 30)) == 5
            with pool.connection() as connection:
                connection.execute("DROP SCHEMA feeds, log CASCADE")
            with pytest.raises(psycopg.Error):
                reader.read(0, 30)
            migrate(url)
            append(slow, [renamed("slow-1", 1)])
            recorder.insert_events([renamed("page-7", 1)])
            assert reader.read(0, 30) == []
            slow.commit()
            assert [row.stream for row in reader.read(0, 30)] == ["slow-1", "page-7"]
