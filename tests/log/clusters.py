"""Logs in databases of their own: on the PostgreSQL that comes along, and on an older one where one is installed."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.database import sync_pool
from eventstore.migrate import migrate

Pool = ConnectionPool[Connection[TupleRow]]

OLDEST = 15
_numbers = count(1)


def installed(major: int) -> Path | None:
    """The folder of the binaries of a PostgreSQL of the system."""
    on_path = shutil.which("postgres")
    for folder in [Path(f"/usr/lib/postgresql/{major}/bin"), *([Path(on_path).resolve().parent] if on_path else [])]:
        if (folder / "initdb").exists():
            version = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
            if re.search(rf"\b{major}\.", version):
                return folder
    return None


class Cluster:
    """A PostgreSQL of its own in a temporary folder, run by another account when we are root."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="ntc-pg-"))
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)

    def start(self) -> str:
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
        # As the run's own PostgreSQL: nobody pulls the plug.
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off -c full_page_writes=off"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")
        return f"postgresql://postgres@/postgres?host={self._folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "fast", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        account = self._account
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
        )


@pytest.fixture(scope="session")
def oldest_postgres_url() -> Iterator[str]:
    """The oldest PostgreSQL that is supported; skips where it is not installed."""
    binaries = installed(OLDEST)
    if binaries is None:
        pytest.skip(f"PostgreSQL {OLDEST} is not installed")
    cluster = Cluster(binaries)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def fresh_database(admin_url: str, template: str = "template0") -> Iterator[str]:
    name = f"log_{next(_numbers)}"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield admin_url.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module", params=["bundled", "oldest"])
def each_postgres_url(request: pytest.FixtureRequest) -> str:
    """The address of each PostgreSQL in turn, at its maintenance database."""
    url: str = request.getfixturevalue("postgres_url" if request.param == "bundled" else "oldest_postgres_url")
    return url


@pytest.fixture
def empty_url(each_postgres_url: str) -> Iterator[str]:
    """An empty database, on each PostgreSQL."""
    yield from fresh_database(each_postgres_url)


@pytest.fixture(scope="module")
def migrated(each_postgres_url: str) -> Iterator[str]:
    """The name of a log without events, to be copied."""
    for url in fresh_database(each_postgres_url):
        migrate(url)
        yield str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def log_url(each_postgres_url: str, migrated: str) -> Iterator[str]:
    """A log without events, on each PostgreSQL."""
    yield from fresh_database(each_postgres_url, migrated)


@pytest.fixture
def pool(log_url: str) -> Iterator[Pool]:
    """Connections to it."""
    with sync_pool(log_url, size=12, name="tests") as opened:
        yield opened
