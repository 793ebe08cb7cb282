"""The running server as its operator sees it: started, stopped, killed, and whole again."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from cli import figures
from cli.supervisor import LONGEST_DELAY, StartFailed, Supervisor, restart_delay
from eventstore import embedded
from settings import load_settings
from tests.accounts.people import make_person
from tests.running.folders import database_answers, new_folder
from tests.running.server import COMMAND, PATIENCE, ROOT, Running, command, environment, eventually
from wiring import opened_services, prepare

WAITING_WRITES = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'log.events'::regclass"


@pytest.fixture(scope="module")
def first() -> Iterator[Running]:
    """A server that was started where nobody had used one. Whatever is killed of it comes back, so all may share it."""
    with new_folder() as folder:
        started = Running(folder)
        yield started
        started.end()


@pytest.fixture
def running(server_folder: Path) -> Iterator[Running]:
    """A server for one test, which ends it."""
    started = Running(server_folder)
    yield started
    started.end()


def _is_heard(port: int) -> bool:
    """Whether anybody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def _half_an_answer(port: int) -> socket.socket:
    """A request whose answer is larger than what fits between server and client, and which the client does not read on."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def _read_on(connection: socket.socket, received: bytes) -> bytes:
    while part := connection.recv(65536):
        received += part
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if length and len(body) == int(length[1]):
            break
    return received


def test_banner_names_address_docs_and_data_folder(first: Running) -> None:
    assert f"{first.address}/api/v1/" in first.banner
    assert str(first.folder) in first.banner
    assert httpx.get(f"{first.address}/docs").status_code == 200


def test_taken_port_is_told_in_one_sentence(first: Running) -> None:
    second = command("serve", "--port", str(first.port), NOTECHONDRIA_DATA_DIR=str(first.folder))
    assert second.returncode == 1
    assert str(first.port) in second.stderr
    assert "Traceback" not in second.stderr


def test_connections_are_spread_over_the_workers(first: Running) -> None:
    connections = [socket.create_connection(("127.0.0.1", first.port)) for _ in range(60)]
    try:
        for connection in connections:
            connection.sendall(b"GET /api/v1/ping/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(4096)
        counts = [
            sum(1 for known in child.net_connections("tcp") if known.status == psutil.CONN_ESTABLISHED and known.laddr.port == first.port)
            for child in first.children("api")
        ]
    finally:
        for connection in connections:
            connection.close()
    assert sum(counts) == 60
    assert min(counts) >= 10


def test_killed_worker_is_replaced_and_no_connection_is_refused(first: Running) -> None:
    victim = first.children("api")[0]
    victim.send_signal(signal.SIGKILL)
    eventually(lambda: victim.pid not in {child.pid for child in first.children("api")} and len(first.children("api")) == 2)
    for _ in range(20):
        assert httpx.get(f"{first.address}/api/v1/ping/", timeout=PATIENCE).status_code == 200


def test_killed_background_process_is_replaced(first: Running) -> None:
    eventually(lambda: len(first.children("background")) == 1)
    victim = first.children("background")[0]
    victim.send_signal(signal.SIGKILL)
    eventually(lambda: [child.pid for child in first.children("background")] not in ([], [victim.pid]))


def test_killed_database_comes_back(first: Running) -> None:
    pid_file = first.folder / "postgres" / "postmaster.pid"
    before = pid_file.read_text().splitlines()[0]
    os.kill(int(before), signal.SIGKILL)
    eventually(lambda: database_answers(first.folder))
    assert pid_file.read_text().splitlines()[0] != before
    assert first.answers()


def test_sigterm_lets_a_running_request_finish_and_takes_no_new_one(running: Running) -> None:
    with _half_an_answer(running.port) as connection:
        first = connection.recv(200)
        assert first.startswith(b"HTTP/1.1 200")
        running.process.send_signal(signal.SIGTERM)
        # Each worker closes its own socket, one a moment before the other.
        eventually(lambda: not _is_heard(running.port))
        assert running.process.poll() is None
        head, _, body = _read_on(connection, first).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    assert length
    assert len(body) == int(length[1])
    assert running.process.wait(PATIENCE) == 0
    assert not database_answers(running.folder)


def test_second_signal_does_not_wait_for_a_running_request(server_folder: Path) -> None:
    # With this long a drain the test would time out if the second signal did not shorten it.
    running = Running(server_folder, NOTECHONDRIA_DRAIN_SECONDS="3600")
    try:
        with _half_an_answer(running.port) as connection:
            assert connection.recv(200).startswith(b"HTTP/1.1 200")
            running.process.send_signal(signal.SIGTERM)
            eventually(lambda: not running.answers())
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(PATIENCE)
    finally:
        running.end()
    assert not database_answers(server_folder)


def test_request_that_a_second_signal_cuts_off_is_one_line_in_the_log(server_folder: Path) -> None:
    running = Running(server_folder, NOTECHONDRIA_DRAIN_SECONDS="3600")
    head = b"POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE) as connection:
            connection.sendall(head + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            assert connection.recv(200).startswith(b"HTTP/1.1 100")
            running.process.send_signal(signal.SIGTERM)
            eventually(lambda: not running.answers())
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(PATIENCE)
    finally:
        running.end()
    logged = (server_folder / "stderr.log").read_text()
    assert ("Traceback" in logged, logged.count("request cut off")) == (False, 1), logged


def test_killed_supervisor_leaves_nothing_behind(running: Running) -> None:
    eventually(lambda: len(running.children("background")) == 1)
    children = running.children()
    assert len(children) == 3
    running.process.kill()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert not alive
    assert not database_answers(running.folder)


def test_word_that_a_process_is_ready_is_read_by_whoever_waits(tmp_path: Path) -> None:
    supervisor = Supervisor(load_settings(port=0, data_dir=tmp_path), lambda _port: None)
    os.write(supervisor._ready_write, b"1\n")
    supervisor._wait()
    assert select.select([supervisor._ready_read], [], [], 0)[0] == []
    supervisor._end()


def test_system_without_room_for_a_process_is_asked_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(load_settings(port=0, data_dir=tmp_path), lambda _port: None)
    [worker, *_] = supervisor._api

    def no_room() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", no_room)
    supervisor._announced = True
    supervisor._keep(worker)
    assert worker.process is None
    assert worker.due > time.monotonic()
    assert supervisor._end() == 0
    supervisor = Supervisor(load_settings(port=0, data_dir=tmp_path), lambda _port: None)
    with pytest.raises(StartFailed, match=r"the api process cannot be started: Resource temporarily unavailable"):
        supervisor._keep(supervisor._api[0])
    assert supervisor._end() == 0


def test_process_that_always_dies_starts_again_for_ever() -> None:
    assert restart_delay(1) == 0
    assert restart_delay(2) < restart_delay(3) < LONGEST_DELAY
    assert restart_delay(100_000) == LONGEST_DELAY


def test_database_that_cannot_start_does_not_hold_up_the_end(server_folder: Path) -> None:
    with (server_folder / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("\nthis is no setting\n")
    began = (server_folder / "postgres" / "start.log").stat().st_size
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], cwd=ROOT, env=environment(NOTECHONDRIA_DATA_DIR=str(server_folder)), stderr=subprocess.PIPE
    ) as process:
        eventually(lambda: b"FATAL" in (server_folder / "postgres" / "start.log").read_bytes()[began:])
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - told < embedded.START_SECONDS / 4
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_code_that_cannot_be_loaded_leaves_no_database_behind(server_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('broken on purpose')")
    ran = command("serve", "--port", "0", NOTECHONDRIA_DATA_DIR=str(server_folder), PYTHONPATH=str(tmp_path))
    assert ran.returncode == 1
    assert "broken on purpose" in ran.stderr
    assert not database_answers(server_folder)


def test_server_starts_again_after_everything_was_killed(server_folder: Path) -> None:
    first = Running(server_folder)
    for child in first.children():
        child.kill()
    os.kill(int((server_folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    first.process.kill()
    first.process.wait()
    first.end()
    second = Running(server_folder)
    try:
        assert second.answers()
    finally:
        second.end()
    assert second.process.returncode == 0


def test_server_does_not_stop_a_database_that_another_process_uses(running: Running) -> None:
    embedded.ensure_running(running.folder)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0
    assert database_answers(running.folder)


def test_connections_that_do_nothing_keep_nobody_out(server_folder: Path) -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, usual[1]))
    try:
        running = Running(server_folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    try:
        with contextlib.ExitStack() as idle:
            for _ in range(700):
                idle.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE))
            assert all(running.answers() for _ in range(10))
    finally:
        running.end()


def test_sigterm_finishes_a_write_that_is_under_way(tmp_path: Path, database_url: str) -> None:
    running = Running(tmp_path, DATABASE_URL=database_url)
    with opened_services(load_settings(database_url=database_url, data_dir=tmp_path)) as services:
        person = make_person(services)
    note = {"title": "Written at the end", "content": "whole"}
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as threads, psycopg.connect(database_url) as held:
        stack.callback(running.end)
        # Nobody appends while this is held, so what was sent is under way for as long as it takes.
        held.execute("LOCK TABLE log.events IN EXCLUSIVE MODE")
        sent = [
            threads.submit(httpx.post, f"{running.address}/api/v1/notes/", json=note, headers=person.headers, timeout=PATIENCE)
            for _ in range(4)
        ]
        # All of them: a connection whose request the server has not read yet is closed.
        eventually(lambda: held.execute(WAITING_WRITES).fetchone() == (4,))
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: not running.answers())
        assert running.process.poll() is None
        held.rollback()
        answers = [request.result() for request in sent]
        assert [answer.status_code for answer in answers] == [201] * 4, [answer.text for answer in answers]
        assert running.process.wait(PATIENCE) == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT stream FROM log.events WHERE type = 'NoteCreated'")
        assert {stream for (stream,) in rows} >= {f"note-{answer.json()['id']}" for answer in answers}
        open_ones = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'notechondria%%'").fetchone()
    assert open_ones == (0,)


def test_worker_that_had_died_does_not_keep_the_supervisor_busy_while_it_drains(tmp_path: Path, database_url: str) -> None:
    running = Running(tmp_path, DATABASE_URL=database_url)
    with opened_services(load_settings(database_url=database_url, data_dir=tmp_path)) as services:
        person = make_person(services)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as threads, psycopg.connect(database_url) as held:
        stack.callback(running.end)
        victims = running.children("api")
        for victim in victims:
            victim.kill()
        eventually(lambda: len(set(running.children("api")) - set(victims)) == 2)
        held.execute("LOCK TABLE log.events IN EXCLUSIVE MODE")
        note = {"title": "Under way", "content": ""}
        sent = threads.submit(httpx.post, f"{running.address}/api/v1/notes/", json=note, headers=person.headers, timeout=PATIENCE)
        eventually(lambda: held.execute(WAITING_WRITES).fetchone() == (1,))
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: len(running.children("api")) == 1)
        supervisor = psutil.Process(running.process.pid)
        before = supervisor.cpu_times()
        time.sleep(1)
        after = supervisor.cpu_times()
        held.rollback()
        assert sent.result().status_code == 201
    assert after.user + after.system - before.user - before.system < 0.1


LATE_SIGNAL = """
import os, signal, socket, uvicorn
from cli import worker
from settings import load_settings

run = uvicorn.Server.run

def run_when_told_to_end(self, sockets):
    os.kill(os.getpid(), signal.SIGTERM)
    run(self, sockets)

uvicorn.Server.run = run_when_told_to_end
(_, ready), (life, _held) = os.pipe(), os.pipe()
worker.run(worker.Place("api", load_settings(), ready, life, socket.create_server(("127.0.0.1", 0))))
"""


def test_signal_just_before_the_server_handles_signals_ends_it(tmp_path: Path, database_url: str) -> None:
    prepare(load_settings(database_url=database_url, data_dir=tmp_path))
    chosen = environment(NOTECHONDRIA_DATA_DIR=str(tmp_path), DATABASE_URL=database_url)
    subprocess.run([sys.executable, "-c", LATE_SIGNAL], cwd=ROOT, env=chosen, timeout=PATIENCE, check=True)


def test_external_database_is_used_and_nothing_embedded_is_made(tmp_path: Path, database_url: str) -> None:
    running = Running(tmp_path, DATABASE_URL=database_url, TMPDIR=str(tmp_path))
    try:
        assert running.answers()
        [folder] = tmp_path.glob(f"{figures.PREFIX}*")
        # Only those that run have room taken, not the one that prepared the database.
        taken = {int(file.stem.rpartition("_")[2]) for file in folder.iterdir() if file.stat().st_size >= min(figures.ROOM.values())}
        assert taken <= {child.pid for child in running.children()}
        assert len(taken) >= 2
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) == 0
    finally:
        running.end()
    assert not (tmp_path / "postgres").exists()
