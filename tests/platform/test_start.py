"""`notechondria start`, as a container runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cli import start
from eventstore import server
from eventstore.migrate import migrate
from settings import SettingsError, embedded_conninfo, load_settings
from tests.platform.test_deploy import health_check

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from cli.main import app; app()", "start"]
FOREIGN = ("NOTECHONDRIA_", "DJANGO_", "DATABASE_URL", "POSTGRE_", "SMTP_", "PORT", "WEB_CONCURRENCY")
PATIENCE = 60
ADMINISTRATOR = {"DJANGO_SUPERUSER_PASSWORD": "Quite-long-5"}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ntc-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _environment(folder: Path, **chosen: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"NOTECHONDRIA_DATA_DIR": str(folder), "NOTECHONDRIA_LOG_FORMAT": "json"} | chosen


def _start(folder: Path, *words: str, **chosen: str) -> subprocess.CompletedProcess[str]:
    environment = _environment(folder, **chosen)
    return subprocess.run([*COMMAND, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_every_step_has_its_line_and_the_given_command_runs_instead(folder: Path, database_url: str) -> None:
    ran = _start(folder, "--", "echo", "it", "runs", DATABASE_URL=database_url, DJANGO_SUPERUSER_PASSWORD="Quite-long-5")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "it runs\n"
    steps = dict.fromkeys(line["event"] for line in _lines(ran.stderr) if line["logger"] == "notechondria.start")
    assert list(steps) == [
        "starting",
        "database answers",
        "database checked",
        "schema is up to date",
        "read models are up to date",
        "administrator",
        "sample courses",
        "running the given command",
    ]
    assert "Quite-long-5" not in ran.stderr
    assert "is weak" not in ran.stderr
    weak = _start(folder, "true", DATABASE_URL=database_url, DJANGO_SUPERUSER_PASSWORD="weakword")
    again = _lines(weak.stderr)
    [warning] = [line for line in again if line["level"] == "warning"]
    assert warning["event"] == "the configured password of the administrator is weak"
    assert "upper-case" in warning["lacks"]
    assert "weakword" not in weak.stderr
    taken = _start(
        folder,
        "true",
        DATABASE_URL=database_url,
        DJANGO_SUPERUSER_USERNAME="boss",
        DJANGO_SUPERUSER_EMAIL="admin@localhost",
        **ADMINISTRATOR,
    )
    assert taken.returncode == 0
    warned = {line["event"]: line for line in _lines(taken.stderr) if line["level"] == "warning"}
    assert list(warned) == ["another account has the administrator's address"]
    strangers = _start(folder, "true", DATABASE_URL=database_url, DJANGO_SUPERUSER_USERNAME="CodeX", **ADMINISTRATOR)
    assert strangers.returncode == 0
    [warning] = [line for line in _lines(strangers.stderr) if line["level"] == "warning"]
    assert warning["event"] == "another account has the administrator's name"
    assert "users promote CodeX --superuser" in warning["advice"]
    assert next(line for line in again if line["event"] == "schema is up to date")["applied"] == []


def test_command_that_fails_or_is_missing(folder: Path, database_url: str) -> None:
    assert _start(folder, "--", "sh", "-c", "exit 7", DATABASE_URL=database_url).returncode == 7
    missing = _start(folder, "--", "no-such-program", DATABASE_URL=database_url)
    assert missing.returncode == 1
    assert "no-such-program cannot be run" in missing.stderr


def test_without_arguments_it_serves_and_sigterm_ends_it(folder: Path, database_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    # As in the recipes: only the public name is served.
    environment = _environment(folder, DATABASE_URL=database_url, PORT=port, NOTECHONDRIA_ALLOWED_HOSTS="notes.example.org")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + PATIENCE
            while "  docs " not in (folder / "log").read_text():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert "http://0.0.0.0:" + port in (folder / "log").read_text()
            assert httpx.get(f"http://127.0.0.1:{port}/api/v1/ready/").json()["status"] == "ok"
            subprocess.run([sys.executable, "-c", health_check()], env=environment, check=True)
            figures = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for _ in range(6)]
            assert 'route="/api/v1/ready/",status="200"} 1.0' in figures[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def test_replicas_that_start_at_once_prepare_once(folder: Path, database_url: str) -> None:
    ran: list[subprocess.CompletedProcess[str]] = []
    chosen = {"DATABASE_URL": database_url, "DJANGO_SUPERUSER_PASSWORD": "Quite-long-5"}
    replicas = [threading.Thread(target=lambda: ran.append(_start(folder, "true", **chosen))) for _ in range(3)]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()
    assert [one.returncode for one in ran] == [0, 0, 0], [one.stderr for one in ran]
    lines = [line for one in ran for line in _lines(one.stderr)]
    assert sorted(bool(line["applied"]) for line in lines if line["event"] == "schema is up to date") == [False, False, True]
    assert sorted(line["state"] for line in lines if line["event"] == "administrator") == ["made", "there already", "there already"]


def test_it_waits_for_a_database_that_comes_later(folder: Path, database_url: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    # Where PostgreSQL will be: a door to the real one, opened after the start was seen to wait.
    environment = _environment(folder, DATABASE_URL=f"postgresql://postgres@127.0.0.1:{port}/{_name(database_url)}")
    with subprocess.Popen([*COMMAND, "--", "true"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while "waiting for the database" not in seen:
            seen += process.stderr.readline()
            assert process.poll() is None, seen
        with _forwarding(port, database_url):
            rest = process.stderr.read()
            assert process.wait(PATIENCE) == 0, seen + rest
    assert "database answers" in rest


def test_it_gives_up_in_the_end(folder: Path) -> None:
    gave_up = _start(folder, "true", DATABASE_URL="postgresql://127.0.0.1:1/nothing", NOTECHONDRIA_DATABASE_WAIT_SECONDS="1")
    assert gave_up.returncode == 1
    assert "did not answer within 1 s" in gave_up.stderr


def test_it_can_be_ended_while_it_waits(folder: Path) -> None:
    # As the first process of a container, to which the system sends no signal that is not handled.
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    may = shutil.which("unshare") is not None and subprocess.run([*alone, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
    environment = _environment(folder, DATABASE_URL="postgresql://127.0.0.1:1/nothing")
    with subprocess.Popen([*alone * may, *COMMAND], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while "waiting for the database" not in process.stderr.readline():
                assert process.poll() is None
            inside = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() if may else []
            os.kill(int(inside[0]) if inside else process.pid, signal.SIGTERM)
            assert process.wait(20) == 128 + signal.SIGTERM
        finally:
            process.kill()


def test_refused_login_ends_the_start_at_once_with_advice(folder: Path, database_url: str) -> None:
    refused = _start(folder, "true", DATABASE_URL=database_url.replace("postgres@", "nobody@"))
    assert refused.returncode == 1
    assert "refuses the login" in refused.stderr
    assert "Restore the credentials" in refused.stderr
    assert "new volume" in refused.stderr


@pytest.fixture
def hindered(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """The database's address, and something that keeps the start from preparing it."""
    name = _name(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        if request.param == "read only":
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            yield database_url
        elif request.param == "newer events":
            migrate(database_url)
            connection.execute(
                "INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, undoes)"
                " VALUES ('note-1', 1, 'NoteSparkled', '{}', '{}', now(), false)"
            )
            yield database_url
        else:
            connection.execute("CREATE ROLE weak LOGIN")
            yield database_url.replace("postgres@", "weak@")
            connection.execute("DROP ROLE weak")


@pytest.mark.parametrize(
    ("hindered", "sentence"),
    [
        ("no rights", "cannot be prepared: permission denied"),
        ("read only", "in a read-only transaction"),
        ("newer events", "run its server"),
    ],
    indirect=["hindered"],
)
@pytest.mark.parametrize("words", [("true",), ()], ids=["command", "server"])
def test_a_database_that_cannot_be_prepared_is_told_in_one_sentence(
    folder: Path, hindered: str, sentence: str, words: tuple[str, ...]
) -> None:
    refused = _start(folder, *words, DATABASE_URL=hindered, PORT="0")
    assert refused.returncode == 1
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("The start was given up")]
    assert sentence in line
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://ada:pa%zz-1@db/notes"}, "DATABASE_URL cannot be used"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/notes?sslmode=maybe"}, "invalid sslmode value"),
        ({"NOTECHONDRIA_DATA_DIR": "/proc/nowhere"}, "/proc/nowhere"),
        ({"NOTECHONDRIA_ATTACHMENTS_URL": "bogus://uploads"}, "the store of uploads cannot be used"),
        (
            ADMINISTRATOR | {"DJANGO_SUPERUSER_USERNAME": "the boss", "DJANGO_SUPERUSER_EMAIL": "boss@example.org\nBcc: all@example.org"},
            "username: A user name has 1 to 150 characters, no blanks and no invisible ones. email: This is no e-mail address.",
        ),
    ],
)
def test_settings_that_lead_nowhere_are_told_in_one_sentence(
    folder: Path, database_url: str, chosen: dict[str, str], sentence: str
) -> None:
    refused = _start(folder, "true", **{"DATABASE_URL": database_url, **chosen})
    assert refused.returncode == 1
    assert sentence in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_a_server_that_is_too_old_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # No older one is at hand, so the one that is there is asked to be newer than it is.
    monkeypatch.setattr(server, "OLDEST", 99)
    monkeypatch.setattr(start, "OLDEST", 99)
    with pytest.raises(start.StartRefused, match=r"PostgreSQL 99 or newer is needed, this is 18\.\d+"):
        start.check_database(database_url)


OF_TOMORROW = "INSERT INTO log.migrations (name, sha256) VALUES ('9999_of_tomorrow', '')"


def _told_of_a_newer_release(stderr: str) -> None:
    [told] = [line for line in _lines(stderr) if line["event"] == "the schema is of a newer release"]
    assert (told["level"], told["migrations"]) == ("warning", ["9999_of_tomorrow"])
    assert "run that release" in told["advice"]


def test_a_schema_of_a_newer_release_is_told(folder: Path, database_url: str) -> None:
    assert _start(folder, "true", DATABASE_URL=database_url).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(OF_TOMORROW)
    ran = _start(folder, "true", DATABASE_URL=database_url)
    assert ran.returncode == 0, ran.stderr
    _told_of_a_newer_release(ran.stderr)


def test_a_schema_of_a_newer_release_is_told_over_the_embedded_database(folder: Path) -> None:
    code = f"import os, psycopg; psycopg.connect(os.environ['URL'], autocommit=True).execute({OF_TOMORROW!r})"
    prepared = _start(folder, "--", sys.executable, "-c", code, URL=embedded_conninfo(folder))
    assert prepared.returncode == 0, prepared.stderr
    ran = _start(folder, "true")
    assert ran.returncode == 0, ran.stderr
    _told_of_a_newer_release(ran.stderr)


def test_a_database_in_another_encoding_is_refused(folder: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            refused = _start(folder, "true", DATABASE_URL=re.sub(r"/postgres\?", "/latin?", postgres_url))
        finally:
            connection.execute("DROP DATABASE latin")
    assert refused.returncode == 1
    assert "UTF8" in refused.stderr


def test_the_predecessors_names_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "db", "DB": "notes", "USERNAME": "ada", "PASSWORD": "it's \\ 1"}.items():
        monkeypatch.setenv(f"POSTGRE_{name}", value)
    parts = psycopg.conninfo.conninfo_to_dict(load_settings().conninfo())
    assert parts == {"host": "db", "port": "5432", "dbname": "notes", "user": "ada", "password": "it's \\ 1"}
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/other")
    assert load_settings().conninfo() == "postgresql://elsewhere/other"


def test_a_bucket_needs_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_R2_BUCKET_NAME", "media")
    monkeypatch.setenv("CLOUDFLARE_R2_ACCOUNT_ID", "account")
    with pytest.raises(SettingsError, match="CLOUDFLARE_R2_ACCESS_KEY_ID"):
        load_settings()


def _name(database_url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])


@contextlib.contextmanager
def _forwarding(port: int, database_url: str) -> Iterator[None]:
    """Listens on a TCP port and passes everything on to the database's socket."""
    path = f"{psycopg.conninfo.conninfo_to_dict(database_url)['host']}/.s.PGSQL.5432"
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def serve() -> None:
        async with await asyncio.start_server(forward, "127.0.0.1", port):
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
